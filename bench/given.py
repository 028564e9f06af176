"""What the contenders are given, generated once: ``python -m bench.given DATA TRADES NEED...``.

Everything is a function of the number of trades and lies under its own name in the directory; what
is there already is left alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from bench import market
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.manifest import Input
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.build import frames_upstream
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.steps import STEPS

SEED = 7
DAY = Partition.of("binance", "BTCUSDT", "2025-03-03")
DAYS = 60
TRADES_OF_A_SMALL_DAY = 20_000
MINUTES = 1_440
_BESIDE = 1_000
"""Trades of a neighbouring day."""

ARCHIVE = f"BTCUSDT-trades-{DAY.date}.zip"
EXTRACTED = f"BTCUSDT-trades-{DAY.date}.csv"
BIG = "big"
CAPTURE = "capture.jsonl"
FLOATS = "floats.parquet"
LAKE = "lake"
MINUTE_LAKE = "minutes"
SMALL_DAYS = "days"
PROVEN = "proven"


def _write_archive(path: Path, frames: Iterator[pl.DataFrame]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    market.archive_csv(frames, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")


def archive(data: Path, trades: int) -> None:
    """Write the day as the exchange publishes it."""
    _write_archive(data / ARCHIVE, market.day(trades, SEED, DAY))


def big(data: Path, trades: int) -> None:
    """Write a day of four times the trades."""
    _write_archive(data / BIG / ARCHIVE, market.day(4 * trades, SEED, DAY))


def extracted(data: Path, _: int) -> None:
    """Extract the day's CSV."""
    with zipfile.ZipFile(data / ARCHIVE) as packed:
        packed.extract(EXTRACTED, data)


def capture(data: Path, trades: int) -> None:
    """Write a fifth of as many trades as a recording."""
    market.capture(market.day(trades // 5, SEED, DAY), data / CAPTURE)


def lake(data: Path, _: int) -> None:
    """Take the day's archive into a lake and seal its trades."""
    stored = Lake(data / LAKE)
    take(stored, data / ARCHIVE)
    (made,) = STEPS["daily_trades"](stored, DAY, frames_upstream(stored, "daily_trades", DAY))
    stored.store("daily_trades", DAY, made)


def proven(data: Path, trades: int) -> None:
    """Seal the day in a lake where both neighbours' ids join it, and judge it."""
    stored = Lake(data / PROVEN)
    take(stored, data / ARCHIVE)
    for day, first_id in (
        (DAY.previous, market.FIRST_TRADE_ID - _BESIDE),
        (DAY.next, market.FIRST_TRADE_ID + trades),
    ):
        path = data / f"BTCUSDT-trades-{day.date}.zip"
        _write_archive(path, market.day(_BESIDE, SEED, day, first_id))
        take(stored, path)
    (made,) = STEPS["daily_trades"](stored, DAY, frames_upstream(stored, "daily_trades", DAY))
    stored.store("daily_trades", DAY, made)
    verdicts.judge(stored, "raw_trades", DAY)
    verdicts.conclude_day(stored, DAY)


def floats(data: Path, _: int) -> None:
    """Write the day's trades as others would keep them: floats for prices and quantities."""
    exact = Lake(data / LAKE).scan("raw_trades", DAY)
    columns = pl.col("trade_id", "ts_event", "price", "quantity", "is_buyer_maker")
    exact.select(columns).with_columns(
        pl.col("price", "quantity").cast(pl.Float64),
    ).sink_parquet(data / FLOATS)


def minutes(data: Path, trades: int) -> None:
    """Write the day as 1,440 parts, as a recorder that seals every minute leaves them."""
    stored = Lake(data / MINUTE_LAKE)
    whole = pl.concat(market.day(trades, SEED, DAY))
    minute = (whole["ts_event"].to_physical() - DAY.start_us) // 60_000_000
    for number, rows in whole.group_by(minute.rename("minute"), maintain_order=True):
        name = f"recording-{number[0]:04d}"
        digest = hashlib.sha256(name.encode()).hexdigest()
        draft = Draft(
            rows=[rows.select(whole.columns)],
            name=name,
            inputs=(Input(name=f"{name}.jsonl", sha256=digest, source="stream"),),
        )
        stored.commit("raw_trades", DAY, draft)


def days(data: Path, _: int) -> None:
    """Take sixty small days on end into a lake of their own."""
    stored = Lake(data / SMALL_DAYS)
    for number, partition in enumerate(small_days()):
        path = data / f"BTCUSDT-trades-{partition.date}.zip"
        first_id = market.FIRST_TRADE_ID + number * TRADES_OF_A_SMALL_DAY
        _write_archive(path, market.day(TRADES_OF_A_SMALL_DAY, SEED + number, partition, first_id))
        take(stored, path)
        path.unlink()
        path.with_name(f"{path.name}.CHECKSUM").unlink()


def small_days() -> list[Partition]:
    """Name the days of :func:`days`."""
    dates = (DAY.date + dt.timedelta(days=number) for number in range(1, DAYS + 1))
    return [replace(DAY, date=date) for date in dates]


NEEDS: dict[str, tuple[Callable[[Path, int], None], str]] = {
    "archive": (archive, ARCHIVE),
    "extracted": (extracted, EXTRACTED),
    "big": (big, BIG),
    "capture": (capture, CAPTURE),
    "lake": (lake, LAKE),
    "proven": (proven, PROVEN),
    "floats": (floats, FLOATS),
    "minutes": (minutes, MINUTE_LAKE),
    "days": (days, SMALL_DAYS),
}


def give(data: Path, trades: int, needs: list[str]) -> None:
    """Generate what is needed and not there; a name stands only for what is finished."""
    for need in needs:
        make, name = NEEDS[need]
        done = data / f"{need}.done"
        if done.exists():
            continue
        if (data / name).is_dir():
            shutil.rmtree(data / name)
        make(data, trades)
        done.touch()


if __name__ == "__main__":
    give(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
