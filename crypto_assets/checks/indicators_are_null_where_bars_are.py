"""I2: what is computed of one bar is null exactly where a second of it may lack trades.

The first bar of the day also needs the second before midnight, which is not looked at here: it may
be null although its own seconds are whole.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.indicator import INTERVALS

_SHOWN = 20


def _expected(bars: pl.LazyFrame, interval: str) -> pl.LazyFrame:
    """Say of every bar whether its close, and the returns of all its seconds, are known."""
    known = pl.col("is_complete") & pl.col("close").is_not_null()
    return (
        bars.select(
            pl.col("ts_open").dt.truncate(interval),
            "is_complete",
            "close",
            returns=known & known.shift(1, fill_value=True),
        )
        .group_by("ts_open", maintain_order=True)
        .agg(
            close_known=pl.col("is_complete").all() & pl.col("close").last().is_not_null(),
            returns_known=pl.col("returns").all(),
        )
        .with_columns(interval=pl.lit(interval))
    )


def _judge(day: Day, measured: Measured) -> Finding:  # noqa: ARG001 - every judge takes the same
    if day.indicators is None:
        return Finding.cannot_judge("its rows are not stored")
    if day.bars is None:
        return Finding.cannot_judge("no bars are stored to hold it against")
    expected = pl.concat(_expected(day.bars, interval) for interval in INTERVALS)
    is_first = pl.col("ts_open").to_physical() == day.partition.start_us
    has_close = pl.col("close").is_not_null()
    has_returns = pl.col("rv_1s").is_not_null()
    is_wrong = (has_close != pl.col("close_known")) | pl.when(is_first).then(
        has_returns & ~pl.col("returns_known"),
    ).otherwise(has_returns != pl.col("returns_known"))
    wrong = (
        day.indicators.select("interval", "ts_open", "close", "rv_1s")
        .join(expected, on=("interval", "ts_open"))
        .filter(is_wrong)
        .select("interval", pl.col("ts_open").to_physical())
        .sort("interval", "ts_open")
        .collect()
    )
    if wrong.height:
        return Finding.fails(
            f"{wrong.height:,} rows have a value where bars are not complete, or none where they "
            "are; make them anew",
            {"rows": wrong.height, "first": [list(row) for row in wrong.head(_SHOWN).rows()]},
        )
    return Finding.passes("values are null exactly where a bar may lack trades")


CHECK = Check(
    code="I2",
    assets=("indicators",),
    says="What is computed of one bar is null exactly where a second of it may lack trades.",
    judge=_judge,
    blocks=Blocks.NOTHING,
)
