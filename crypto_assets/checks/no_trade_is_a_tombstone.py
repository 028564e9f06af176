"""T9: no row stands for a trade that the exchange took back.

Binance marks doubled rows with price 0 and quantity 0, and the ids of allocations with -1.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(_day: Day, measured: Measured) -> Finding:
    zeroed, without_id = measured["zeroed"], measured["without_id"]
    if not zeroed and not without_id:
        return Finding.passes("no row is a tombstone")
    return Finding.fails(
        f"{zeroed:,} rows have price 0 and quantity 0, {without_id:,} have an id below 0",
        {"zeroed": zeroed, "without_id": without_id},
    )


CHECK = Check(
    code="T9",
    assets=("raw_trades",),
    says="No row stands for a trade that the exchange took back.",
    judge=_judge,
    measures={
        "zeroed": ((pl.col("price") == 0) & (pl.col("quantity") == 0)).sum(),
        "without_id": (pl.col("trade_id") < 0).sum(),
    },
)
