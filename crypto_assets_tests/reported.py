"""Small days of every kind, built from files: what reports are written of in tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

SYMBOL = "币安人生USDT"
BEFORE, GOOD, DEGRADED, HEALED, HALTED, AFTER, EMPTY, LAST = (
    Partition.of("binance", SYMBOL, f"2024-03-0{day}") for day in range(1, 9)
)
KLINES_ONLY = Partition.of("binance", "BTCUSDT", "2024-12-31")
DAYS = (BEFORE, GOOD, DEGRADED, HEALED, HALTED, AFTER, EMPTY, LAST, KLINES_ONLY)
CONDITIONS = (
    "provisional",
    "confirmed",
    "degraded",
    "provisional",
    "halted",
    "provisional",
    "missing",
    "provisional",
    "missing",
)
TRADES_A_DAY = 40
LACKING = ((1050, 1052), (1060, 1060))
WAS_LACKING = ((1085, 1089),)
RECORDINGS = Path(__file__).with_name("recordings")
_FIRST_IDS = {BEFORE: 960, GOOD: 1000, DEGRADED: 1040, HEALED: 1080, AFTER: 1120, LAST: 1200}


def archive(directory: Path, day: Partition, without: Sequence[tuple[int, int]] = ()) -> Path:
    """Write a day's file: a trade every half an hour and a bit, some in one second."""
    lines = []
    for number in range(TRADES_A_DAY):
        trade_id = _FIRST_IDS[day] + number
        if any(first <= trade_id <= last for first, last in without):
            continue
        at_us = day.start_us + (number // 2) * 4_000_000_000 + number % 2
        price, quantity = 100 + number % 7, f"0.{number + 1:02}"
        lines.append(
            f"{trade_id},{price}.50,{quantity},{(price + 0.5) * float(quantity):.8f},"
            f"{at_us // 1000},{number % 3 == 0},True\n",
        )
    path = directory / f"{day.instrument.symbol}-trades-{day.date}.csv"
    path.write_text("".join(lines))
    return path


def lake_of_days(directory: Path) -> Lake:
    """Make a lake of :data:`DAYS` with the :data:`CONDITIONS`."""
    lake = Lake(directory / "lake")
    take(lake, archive(directory, HEALED, WAS_LACKING))
    gaps.refresh_days(lake, [HEALED], HEALED.end_us)
    for day in _FIRST_IDS:
        take(lake, archive(directory, day, LACKING if day == DEGRADED else ()))
    gaps.refresh_days(lake, [DEGRADED, HEALED], LAST.end_us)
    take(lake, RECORDINGS / "BTCUSDT-1m-2024-12-31.csv")
    build(lake, DAYS)
    return lake
