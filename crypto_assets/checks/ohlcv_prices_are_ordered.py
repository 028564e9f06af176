"""O2: of every bar the low is the lowest price and the high the highest."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

_SHOWN = 20
_OPEN, _HIGH, _LOW, _CLOSE = (pl.col(name) for name in ("open", "high", "low", "close"))
_DISORDERED = (pl.min_horizontal(_OPEN, _CLOSE, _HIGH) < _LOW) | (
    pl.max_horizontal(_OPEN, _CLOSE, _LOW) > _HIGH
)


def _judge(day: Day, measured: Measured) -> Finding:
    count: int = measured["disordered"]
    if not count:
        return Finding.passes(f"the prices of all {measured['rows']:,} bars are in order")
    if day.ohlcv is None:
        return Finding.cannot_judge("no bars are stored")
    first = (
        day.ohlcv.filter(_DISORDERED)
        .select("interval", pl.col("ts_open").to_physical())
        .head(_SHOWN)
        .collect()
    )
    return Finding.fails(
        f"{count:,} of {measured['rows']:,} bars have a low or a high that is none",
        {"count": count, "first": [list(row) for row in first.iter_rows()]},
    )


CHECK = Check(
    code="O2",
    assets=("ohlcv",),
    says="Of every bar the low is the lowest price and the high the highest.",
    judge=_judge,
    measures={"rows": pl.len(), "disordered": _DISORDERED.sum()},
)
