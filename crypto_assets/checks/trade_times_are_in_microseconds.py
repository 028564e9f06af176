"""T6: every time is within a year of the partition's date, so its unit was read right.

Binance's archives count milliseconds until 2024 and microseconds from 2025-01-01. Read in the
wrong unit a time of 2024 lands in January 1970 or in the year 56,000: a year either side tells
units apart whatever the day, and says so where :mod:`trades_are_of_the_day` only says "outside".
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.interval import DAY_US

_MARGIN_US = 366 * DAY_US
_TIME = pl.col("ts_event").to_physical()
_THOUSAND = 1_000


def _plausible(day: Day, time: int) -> bool:
    return day.partition.start_us - _MARGIN_US <= time < day.partition.end_us + _MARGIN_US


def _unit(day: Day, time: int) -> str | None:
    """Guess what unit the time would be plausible in."""
    for unit, microseconds in (
        ("milliseconds", time * _THOUSAND),
        ("nanoseconds", time // _THOUSAND),
        ("seconds", time * _THOUSAND * _THOUSAND),
    ):
        if _plausible(day, microseconds):
            return unit
    return None


def _judge(day: Day, measured: Measured) -> Finding:
    first, last = measured["first"], measured["last"]
    wrong = {time for time in (first, last) if time is not None and not _plausible(day, time)}
    if not wrong:
        return Finding.passes("every time is plausible in microseconds")
    units = sorted({unit for time in wrong if (unit := _unit(day, time))})
    looks = f"; they look like {' and '.join(units)}" if units else ""
    return Finding.fails(
        f"times more than a year from {day.partition.date}{looks}",
        {"first_us": first, "last_us": last, "looks_like": units},
    )


CHECK = Check(
    code="T6",
    assets=("raw_trades",),
    says="Every trade's time is in microseconds.",
    judge=_judge,
    measures={"first": _TIME.min(), "last": _TIME.max()},
)
