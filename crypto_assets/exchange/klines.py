"""Klines as the exchange makes them: exact decimals, empty ones repeating the last close."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.tables import PRICE

Span = tuple[int, int]
"""From and until, in microseconds; the end is outside."""

VOLUME = pl.Decimal(38, 8)
INTERVALS = {
    f"{count}{unit}": count * seconds * SECOND_US
    for unit, seconds, counts in (
        ("s", 1, (1,)),
        ("m", 60, (1, 3, 5, 15, 30)),
        ("h", 3_600, (1, 2, 4, 6, 8, 12)),
        ("d", 86_400, (1,)),
    )
    for count in counts
}
"""The exchange's intervals in microseconds, but those of more than a day."""

_PRICES = ("open", "high", "low", "close")
_VOLUMES = ("volume", "quote_volume", "taker_volume", "taker_quote_volume")


def bars(
    trades: pl.DataFrame,
    interval_us: int,
    opens: range,
    before: Mapping[str, object] | None,
) -> pl.DataFrame:
    """Build the klines that open at ``opens`` from trades ascending by id.

    ``before`` is the last trade before the first of them. The columns are ``open_us, open, high,
    low, close, volume, quote_volume, taker_volume, taker_quote_volume, count, first_id, last_id``;
    an empty kline has four times the last close, volume 0, count 0 and the ids -1.
    """
    stop = opens.start + len(opens) * interval_us
    last = pl.lit(before["price"] if before else None, dtype=PRICE)
    taker = ~pl.col("is_buyer_maker")
    found = (
        trades.filter(pl.col("time_us").is_between(opens.start, stop, closed="left"))
        .group_by(pl.col("time_us") // interval_us * interval_us)
        .agg(
            pl.col("price").first().alias("open"),
            pl.col("price").max().alias("high"),
            pl.col("price").min().alias("low"),
            pl.col("price").last().alias("close"),
            _sum("quantity").alias("volume"),
            _sum("quote").alias("quote_volume"),
            _sum("quantity", taker).alias("taker_volume"),
            _sum("quote", taker).alias("taker_quote_volume"),
            pl.len().cast(pl.Int64()).alias("count"),
            pl.col("trade_id").first().alias("first_id"),
            pl.col("trade_id").last().alias("last_id"),
        )
    )
    every = pl.DataFrame({"open_us": np.array(opens, dtype=np.int64)})
    close = pl.col("close").forward_fill().fill_null(last)
    return (
        every.join(found, left_on="open_us", right_on="time_us", how="left", maintain_order="left")
        .with_columns(close)
        .with_columns(
            *(pl.col(name).fill_null(pl.col("close")) for name in _PRICES[:3]),
            *(pl.col(name).fill_null(0) for name in (*_VOLUMES, "count")),
            *(pl.col(name).fill_null(-1) for name in ("first_id", "last_id")),
        )
        .drop_nulls("close")
    )


def _sum(name: str, only: pl.Expr | None = None) -> pl.Expr:
    values = pl.col(name) if only is None else pl.col(name).filter(only)
    return values.reinterpret(dtype=pl.Int128).sum().reinterpret(dtype=VOLUME)
