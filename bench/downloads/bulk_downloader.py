"""binance-bulk-downloader, its addresses turned to the host; then pandas on what it extracted."""

from __future__ import annotations

from binance_bulk_downloader.downloader import (  # type: ignore[import-not-found, unused-ignore]
    BinanceBulkDownloader,
)
from order import DIRECTORY, ORDER  # type: ignore[import-not-found, unused-ignore]
from to_parquet import to_parquet  # type: ignore[import-not-found, unused-ignore]

if __name__ == "__main__":
    BinanceBulkDownloader._BINANCE_DATA_S3_BUCKET_URL = f"{ORDER['base_url']}/"  # noqa: SLF001
    BinanceBulkDownloader._BINANCE_DATA_DOWNLOAD_BASE_URL = ORDER["base_url"]  # noqa: SLF001
    BinanceBulkDownloader(
        destination_dir=str(DIRECTORY),
        data_type="trades",
        asset="spot",
        symbols=list(ORDER["days"]),
    ).run_download()
    for path in sorted(DIRECTORY.rglob("*.csv")):
        to_parquet(path)
