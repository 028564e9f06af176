"""I1: each interval has one row for every bar of the day, in order."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.indicator import INTERVALS
from crypto_assets.model.interval import DAY_US, length_of

_OPEN = pl.col("ts_open").to_physical()


def _rows_of(interval: str) -> pl.Expr:
    return _OPEN.filter(pl.col("interval") == interval).implode()


def _judge(day: Day, measured: Measured) -> Finding:
    wrong: dict[str, object] = {}
    for interval in INTERVALS:
        length = length_of(interval)
        found: list[int] = measured[interval]
        expected = range(day.partition.start_us, day.partition.end_us, length)
        if found != list(expected):
            wrong[interval] = {"rows": len(found), "expected": DAY_US // length}
    others = sorted(set(measured["intervals"]) - set(INTERVALS))
    if wrong or others:
        return Finding.fails(
            f"rows of {', '.join([*wrong, *others])} are not the bars of the day, each once",
            {"intervals": wrong, "unknown": others},
        )
    return Finding.passes(f"every bar of {', '.join(INTERVALS)} has a row")


CHECK = Check(
    code="I1",
    assets=("indicators",),
    says="Each interval has one row for every bar of the day, in order.",
    judge=_judge,
    blocks=Blocks.NOTHING,
    measures={
        **{interval: _rows_of(interval) for interval in INTERVALS},
        "intervals": pl.col("interval").unique().implode(),
    },
)
