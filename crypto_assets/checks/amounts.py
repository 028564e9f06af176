"""What trades and klines add up to by the exchange's rules, in whole units of 1e-8.

Quote volume is the sum of ``round_half_up(price x quantity, 8)`` over the trades; taker-buy amounts
are those of the trades whose buyer was not the maker. By these rules bars equal the exchange's
klines.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import QUANTITY

_UNIT = 10**QUANTITY.scale
_QUANTITY = pl.col("quantity").to_physical()
# Positive, so half up is: add a half, cut off.
_QUOTE = (pl.col("price").to_physical() * _QUANTITY + _UNIT // 2) // _UNIT
_BOUGHT = ~pl.col("is_buyer_maker")
_KNOWN = {interval.value: interval for interval in Interval}

OF_TRADES = {
    "trade_count": pl.len().cast(pl.Int64()),
    "volume": _QUANTITY.sum(),
    "quote_volume": _QUOTE.sum(),
    "taker_buy_volume": _QUANTITY.filter(_BOUGHT).sum(),
    "taker_buy_quote_volume": _QUOTE.filter(_BOUGHT).sum(),
}
"""The amounts of a bar, named as its columns, as aggregating expressions over trades."""

SUMS_OF_BARS = {field: pl.col(field).to_physical().sum() for field in OF_TRADES}
"""The same amounts summed over bars."""


def decimal(units: int) -> str:
    """Write a sum of 1e-8 as a decimal with all its places, never with an exponent."""
    return f"{Decimal(units).scaleb(-QUANTITY.scale):f}"


def text(field: str, value: int) -> int | str:
    """Write the value of an amount: a count as it is, a sum as a decimal."""
    return value if field == "trade_count" else decimal(value)


def stored_intervals(klines: pl.LazyFrame) -> list[Interval]:
    """The known intervals klines are stored of, the shortest first."""
    names = klines.select(pl.col("interval").unique()).collect()["interval"]
    found = [_KNOWN[name] for name in names if name in _KNOWN]
    return sorted(found, key=lambda interval: interval.microseconds)


def opens(time: str, interval: Interval) -> pl.Expr:
    """When the bar of an event opens, in microseconds."""
    at = pl.col(time).to_physical()
    return (at - at % interval.microseconds).alias("ts_open")


def of_klines(klines: pl.LazyFrame, interval: Interval) -> pl.LazyFrame:
    """The amounts of the klines of an interval, in 1e-8 by the microsecond they open."""
    return klines.filter(pl.col("interval") == interval.value).select(
        pl.col("ts_open").to_physical(), *(pl.col(field).to_physical() for field in OF_TRADES)
    )
