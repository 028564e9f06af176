"""T17: among more than 1,000 trades some takers bought and some sold.

A column that is all true or all false is far likelier a flag read wrong than a market.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity

_FEW = 1_000


def _judge(_day: Day, measured: Measured) -> Finding:
    rows, sales = measured["rows"], measured["sales"]
    if rows <= _FEW:
        return Finding.not_checked(f"{rows:,} trades are too few to expect both")
    evidence = {"takers_bought": rows - sales, "takers_sold": sales}
    if 0 < sales < rows:
        return Finding.passes(f"takers bought {rows - sales:,} times, sold {sales:,}", evidence)
    return Finding.fails(f"takers only {'sold' if sales else 'bought'}, {rows:,} times", evidence)


CHECK = Check(
    code="T17",
    assets=("raw_trades",),
    says="Among more than 1,000 trades some takers bought and some sold.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
    measures={"rows": pl.len(), "sales": pl.col("is_buyer_maker").sum()},
)
