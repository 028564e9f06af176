"""Write a site's files below the paths they are published at: ``python -m bench.site DIR JSON``.

Trades are :func:`bench.market.day`'s; aggregate trades, klines, checksums and their paths are the
loopback exchange's. Zips are deflated as the real ones are, which that exchange has no time for.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import msgspec
import polars as pl

from bench import market
from bench.given import SEED
from bench.sites import REMOVED, Site
from crypto_assets.exchange import Faults, Market, archive
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.venues import venue

_BINANCE = venue("binance")


def write(site: Site, root: Path) -> None:
    """Write every file of a site, its symbols one after the other; the ids of days join."""
    for number, symbol in enumerate(site.symbols):
        days = [Partition.of("binance", symbol, date) for date in site.dates]
        frames = [
            frame
            for k, day in enumerate(days)
            for frame in market.day(
                site.trades,
                SEED + 100 * number + k,
                day,
                market.FIRST_TRADE_ID + k * site.trades,
            )
        ]
        played = Market.of(pl.concat(frames).with_columns(symbol=pl.lit(symbol)))
        del frames
        _publish(site, played, days[-1].start_us + 2 * DAY_US, root)


def _publish(site: Site, played: Market, now_us: int, root: Path) -> None:
    for file in archive.published(played, now_us, Faults()):
        if file.is_checksum:
            continue
        path = root / file.key
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(
            io.BytesIO(archive.content(played.tapes[file.symbol], file, _BINANCE))
        ) as made:
            text = made.read(f"{file.stem}.csv")
        _deflate(path, text)
        told = archive.checksum(file, sha256_of(path))
        path.with_name(f"{path.name}.CHECKSUM").write_bytes(told)
        if site.is_tampered and file.kind in ("trades", "aggTrades"):
            lines = text.splitlines(keepends=True)
            middle = len(lines) // 2
            _deflate(path, b"".join(lines[:middle] + lines[middle + REMOVED :]))


def _deflate(path: Path, text: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"{path.stem}.csv", text)


if __name__ == "__main__":
    write(msgspec.json.decode(sys.argv[2], type=Site), Path(sys.argv[1]))
