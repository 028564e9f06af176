"""B5: vwap is quote volume / volume to 8 decimals, and lies between low and high.

Compared as integers of 1e-8 without dividing. Quote volume is rounded once a trade, by at most a
half of 1e-8, so that is the slack each trade gives the bounds: quantities of a few 1e-8 put
the quotient outside them by right.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.tables import QUANTITY

_SHOWN = 20
_UNIT = 10**QUANTITY.scale
_VOLUME = pl.col("volume").to_physical()
_QUOTE = pl.col("quote_volume").to_physical() * _UNIT
_VWAP = pl.col("vwap").to_physical()
_SLACK = pl.col("trade_count") * (_UNIT // 2)
_FULL = pl.col("trade_count") > 0

_FAULTS = {
    "not_the_quotient": _FULL & (2 * (_VWAP * _VOLUME - _QUOTE).abs() > _VOLUME),
    "below_low": _FULL & (pl.col("low").to_physical() * _VOLUME > _QUOTE + _SLACK),
    "above_high": _FULL & (pl.col("high").to_physical() * _VOLUME < _QUOTE - _SLACK),
    "null": _FULL & pl.col("vwap").is_null(),
    "of_no_trade": ~_FULL & pl.col("vwap").is_not_null(),
}


def _judge(day: Day, measured: Measured) -> Finding:
    counts = {fault: measured[fault] for fault in _FAULTS if measured[fault]}
    if not counts:
        return Finding.passes(f"vwap is right in all {measured['full']:,} bars with trades")
    if day.bars is None:
        return Finding.cannot_judge("no bars are stored")
    first = (
        day.bars.filter(pl.any_horizontal(*_FAULTS.values()))
        .select(pl.col("ts_open").to_physical())
        .head(_SHOWN)
        .collect()
    )
    told = ", ".join(f"{count:,} {fault.replace('_', ' ')}" for fault, count in counts.items())
    return Finding.fails(
        f"vwap: {told}", {**counts, "first_us": first.get_column("ts_open").to_list()}
    )


CHECK = Check(
    code="B5",
    assets=("bars_1s", "daily_bars"),
    says="Vwap is quote volume / volume, and lies between low and high.",
    judge=_judge,
    measures={"full": _FULL.sum(), **{fault: found.sum() for fault, found in _FAULTS.items()}},
)
