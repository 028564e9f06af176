"""Who downloads, and where each one's trades lie afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Downloader:
    """One way from the host to Parquet: a script of ``bench/downloads`` in a process of its own."""

    name: str
    script: str
    trades: str | None
    """Where its trades lie below its directory; None where it keeps none."""
    asks: dict[str, object] = field(default_factory=dict)
    """What its script is told beside the address and the days."""
    is_peer: bool = False
    """Whether it runs in the environment of the peers."""
    is_aggregate: bool = False
    """Whether what it stores are aggregate trades."""
    says: str = ""


FLOOR = Downloader(
    "floor: curl, unzip to nowhere",
    "floor.py",
    trades=None,
    says="one file after the other, nothing parsed, nothing kept but the zip",
)
TAKEN = Downloader(
    "crypto-assets download, raw_trades",
    "ours.py",
    trades="lake/raw_trades/**/*.parquet",
    asks={"sealed": False},
    says="4 downloads at once; checksum held against the bytes, decoded to exact decimals, "
    "written, synced, read back, the zip kept beside",
)
SEALED = Downloader(
    "crypto-assets build, to sealed and judged",
    "ours.py",
    trades="lake/daily_trades/**/*.parquet",
    asks={"sealed": True},
    says="the same for trades, aggregate trades and klines of 1 s and 1 m; then bars, sealed "
    "files and every check",
)
DOWNLOADERS = (
    FLOOR,
    TAKEN,
    SEALED,
    Downloader(
        "official scripts' steps, pandas",
        "official_scripts.py",
        trades="parquet/*.parquet",
        is_peer=True,
        says="binance-public-data's download-trade.py; fetches the checksum, compares nothing",
    ),
    Downloader(
        "binance-bulk-downloader, pandas",
        "bulk_downloader.py",
        trades="parquet/*.parquet",
        is_peer=True,
        says="the package as it is, a thread a file; then its CSVs one after the other",
    ),
    Downloader(
        "freqtrade, its own functions",
        "freqtrade_data.py",
        trades="*-trades.parquet",
        is_peer=True,
        is_aggregate=True,
        says="aggregate trades, which are fewer rows; times in ms; its Parquet handler",
    ),
)
