"""B1: the bars are the day's 86,400 seconds, each once and in order."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.interval import SECOND_US, Interval

_OPEN = pl.col("ts_open").to_physical()


def _judge(day: Day, measured: Measured) -> Finding:
    expected = Interval.SECOND.bars_per_day
    rows, first, uneven = measured["rows"], measured["first"], measured["uneven"]
    if (
        rows == expected
        and first == day.partition.start_us
        and not uneven
        and not measured["nulls"]
    ):
        return Finding.passes(f"all {expected:,} seconds have one bar")
    return Finding.fails(
        f"{rows:,} bars, {uneven:,} of them not one second after the one before; "
        f"expected {expected:,}, one a second from midnight",
        {
            "rows": rows,
            "expected": expected,
            "first_us": first,
            "last_us": measured["last"],
            "uneven": uneven,
            "without_time": measured["nulls"],
        },
    )


CHECK = Check(
    code="B1",
    assets=("bars_1s", "daily_bars"),
    says="The bars are the day's 86,400 seconds, each once and in order.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        "first": _OPEN.min(),
        "last": _OPEN.max(),
        "uneven": (_OPEN.diff() != SECOND_US).sum(),
        "nulls": _OPEN.null_count(),
    },
)
