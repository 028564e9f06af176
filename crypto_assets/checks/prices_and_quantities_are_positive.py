"""T7: every trade has a price and a quantity above zero."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(_day: Day, measured: Measured) -> Finding:
    # Counting what is positive counts nulls as faults.
    prices = measured["rows"] - measured["prices"]
    quantities = measured["rows"] - measured["quantities"]
    if not prices and not quantities:
        return Finding.passes(f"all {measured['rows']:,} prices and quantities are above zero")
    return Finding.fails(
        f"{prices:,} prices and {quantities:,} quantities are not above zero",
        {"prices": prices, "quantities": quantities, "rows": measured["rows"]},
    )


CHECK = Check(
    code="T7",
    assets=("raw_trades",),
    says="Every trade has a price and a quantity above zero.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        "prices": (pl.col("price") > 0).sum(),
        "quantities": (pl.col("quantity") > 0).sum(),
    },
)
