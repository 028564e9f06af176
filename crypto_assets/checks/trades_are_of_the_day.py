"""T4: every trade was matched on the partition's UTC day, midnight to midnight, end exclusive."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

# Microseconds, because a time of a wrong unit may lie beyond what a Python datetime holds.
_TIME = pl.col("ts_event").to_physical()


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    start, end = day.partition.start_us, day.partition.end_us
    first, last = measured["first"], measured["last"]
    if not measured["nulls"] and (first is None or (first >= start and last < end)):
        return Finding.passes(f"all {measured['rows']:,} trades are of {day.partition.date}")
    count = (
        day.trades.select(before=_TIME.lt(start).sum(), after=_TIME.ge(end).sum())
        .collect(engine="streaming")
        .row(0, named=True)
    )
    outside = count["before"] + count["after"] + measured["nulls"]
    return Finding.fails(
        f"{outside:,} of {measured['rows']:,} trades are not of {day.partition.date}",
        {
            "before": count["before"],
            "after": count["after"],
            "without_time": measured["nulls"],
            "first_us": first,
            "last_us": last,
            "day_us": [start, end],
        },
    )


CHECK = Check(
    code="T4",
    assets=("raw_trades",),
    says="Every trade was matched on the partition's UTC day.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        "first": _TIME.min(),
        "last": _TIME.max(),
        "nulls": _TIME.null_count(),
    },
)
