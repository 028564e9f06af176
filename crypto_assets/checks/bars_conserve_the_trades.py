"""B3: the day's volumes and trade count are the same summed over the bars and over the trades.

Quote volume is the sum of ``round_half_up(price x quantity, 8)`` over the trades, the rule
by which bars equal the exchange's klines. All sums are over integers of 1e-8.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.tables import QUANTITY

_UNIT = 10**QUANTITY.scale
_QUANTITY = pl.col("quantity").to_physical()
# Positive, so half up is: add a half, cut off.
_QUOTE = (pl.col("price").to_physical() * _QUANTITY + _UNIT // 2) // _UNIT
_BOUGHT = ~pl.col("is_buyer_maker")

_TRADES = {
    "volume": _QUANTITY.sum(),
    "quote_volume": _QUOTE.sum(),
    "trade_count": pl.len(),
    "taker_buy_volume": _QUANTITY.filter(_BOUGHT).sum(),
    "taker_buy_quote_volume": _QUOTE.filter(_BOUGHT).sum(),
}


def _text(field: str, value: int) -> int | str:
    """Write a sum of 1e-8 as a decimal that never turns to an exponent."""
    return value if field == "trade_count" else f"{Decimal(value).scaleb(-QUANTITY.scale):f}"


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored to hold the bars against")
    trades = day.trades.select(**_TRADES).collect(engine="streaming").row(0, named=True)
    differ = {
        field: {"bars": _text(field, measured[field]), "trades": _text(field, trades[field])}
        for field in _TRADES
        if measured[field] != trades[field]
    }
    if differ:
        return Finding.fails(
            f"bars and trades of the day differ in {', '.join(differ)}",
            {"differ": differ},
        )
    return Finding.passes(
        f"bars hold all of {trades['trade_count']:,} trades, to the last decimal",
        {field: _text(field, value) for field, value in trades.items()},
    )


CHECK = Check(
    code="B3",
    assets=("bars_1s", "daily_bars"),
    says="Volumes and trade count are the same summed over the bars and over the trades.",
    judge=_judge,
    measures={field: pl.col(field).to_physical().sum() for field in _TRADES},
)
