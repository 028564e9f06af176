"""B6: what takers bought is between nothing and all that was traded, in base and in quote."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

_PAIRS = {"taker_buy_volume": "volume", "taker_buy_quote_volume": "quote_volume"}


def _judge(_day: Day, measured: Measured) -> Finding:
    # Counting what is within counts nulls as faults.
    outside = {column: measured["rows"] - measured[column] for column in _PAIRS}
    if not any(outside.values()):
        return Finding.passes(f"takers buy no more than is traded in {measured['rows']:,} bars")
    told = " and ".join(f"{count:,} {column}" for column, count in outside.items())
    return Finding.fails(f"{told} are below 0 or above the volume", {"outside": outside})


CHECK = Check(
    code="B6",
    assets=("bars_1s", "daily_bars"),
    says="What takers bought is between nothing and all that was traded.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        **{part: pl.col(part).is_between(0, pl.col(whole)).sum() for part, whole in _PAIRS.items()},
    },
)
