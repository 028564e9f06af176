"""B2: low is lowest, high is highest, and a price is null exactly where none is known.

A bar with trades has all four prices. One without repeats the last close before it in all four, or
has none where ids that may belong to it are missing or no trade came before it.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

_SHOWN = 20
_PRICES = ("open", "high", "low", "close")
_OPEN, _HIGH, _LOW, _CLOSE = (pl.col(column) for column in _PRICES)
_EMPTY = pl.col("trade_count") == 0
_NULLS = pl.sum_horizontal(pl.col(column).is_null() for column in _PRICES)
_KNOWN = _CLOSE.forward_fill().shift(1)

_FAULTS = {
    "disordered": _LOW.gt(pl.min_horizontal(_OPEN, _CLOSE))
    | _HIGH.lt(pl.max_horizontal(_OPEN, _CLOSE)),
    "traded_without_price": ~_EMPTY & (_NULLS > 0),
    "partly_null": _EMPTY & _NULLS.is_between(1, len(_PRICES) - 1),
    "price_of_unknown": _EMPTY & ~pl.col("is_complete") & (_NULLS == 0),
    "known_but_null": _EMPTY & pl.col("is_complete") & (_NULLS > 0) & _KNOWN.is_not_null(),
    "not_the_last_close": _EMPTY
    & ((_OPEN != _CLOSE) | (_HIGH != _CLOSE) | (_LOW != _CLOSE) | (_CLOSE != _KNOWN)),
}


def _judge(day: Day, measured: Measured) -> Finding:
    counts = {fault: measured[fault] for fault in _FAULTS if measured[fault]}
    if not counts:
        return Finding.passes(f"the prices of all {measured['rows']:,} bars are in order")
    if day.bars is None:
        return Finding.cannot_judge("no bars are stored")
    first = (
        day.bars.select("ts_open", fault=pl.any_horizontal(*_FAULTS.values()))
        .filter("fault")
        .select(pl.col("ts_open").to_physical())
        .head(_SHOWN)
        .collect()
    )
    told = ", ".join(f"{count:,} {fault.replace('_', ' ')}" for fault, count in counts.items())
    return Finding.fails(
        f"prices of bars: {told}",
        {**counts, "first_us": first.get_column("ts_open").to_list()},
    )


CHECK = Check(
    code="B2",
    assets=("bars_1s", "daily_bars"),
    says="Low is lowest, high is highest, and a price is null exactly where none is known.",
    judge=_judge,
    measures={"rows": pl.len(), **{fault: found.sum() for fault, found in _FAULTS.items()}},
)
