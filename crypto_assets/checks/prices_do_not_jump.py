"""C5: no price jumps by half between two updates, unless the market cap does the same.

A market cap is the price times the coins there are: where the two part, one of them is wrong, or
the coin was split.
"""

from __future__ import annotations

import math

import polars as pl

from crypto_assets.checks.check import Finding
from crypto_assets.checks.priced import PriceCheck, PricedDay
from crypto_assets.model.verdict import Severity

MOST = 0.5
"""By how much a price may rise, or have fallen, between two updates."""
AGREES = 0.1
"""How far price and market cap may part and still have moved alike."""
_SHOWN = 20


def _moved(name: str) -> pl.Expr:
    value = pl.col(name).cast(pl.Float64)
    return (value.log() - value.shift(1).log()).over("coin", "currency")


def _judge(priced: PricedDay) -> Finding:
    moves = priced.rows.sort("ts_updated").with_columns(
        moved=_moved("price"),
        cap_moved=_moved("market_cap"),
    )
    is_jump = pl.col("moved").abs() > math.log(1 + MOST)
    agrees = (pl.col("moved") - pl.col("cap_moved")).abs() <= math.log(1 + AGREES)
    jumps = moves.filter(is_jump & ~agrees.fill_null(False))
    if jumps.height:
        shown = [
            f"{row['coin']}/{row['currency']} {row['ts_updated']:%H:%M} to {row['price']:f} "
            f"({math.expm1(row['moved']):+.0%})"
            for row in jumps.head(_SHOWN).iter_rows(named=True)
        ]
        return Finding.fails(
            f"{jumps.height} prices jump without their market cap: {'; '.join(shown[:3])}",
            {"count": jumps.height, "jumps": shown},
        )
    return Finding.passes("no price jumps without its market cap")


CHECK = PriceCheck(
    code="C5",
    says="No price jumps by half between two updates, unless the market cap does the same.",
    judge=_judge,
    severity=Severity.WARN,
)
