"""Longer bars from shorter ones."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import BARS, PRICE, QUANTITY
from crypto_assets.transforms.bars import vwap

PRICES = ("open", "high", "low", "close")
VOLUMES = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
AS_OF_END = ("bid", "bid_quantity", "ask", "ask_quantity", "spread")


def roll_up(bars: pl.LazyFrame, interval: Interval, *, by: Sequence[str] = ()) -> pl.LazyFrame:
    """Merge bars into longer ones; from 1 s bars this equals computing them from the trades.

    Prices come from the bars with trades alone. A bar without any repeats the close of its last
    part, which is null where trades may be missing. Volumes and counts add up, ``vwap`` is
    computed anew, quotes are those of the last part, and a bar is complete when all of it is.

    Nothing is looked at before the result is collected, so this can stand for a table of many
    days; filters on ``by`` columns reach the files, and so should one on ``ts_open`` of ``bars``.

    Args:
        bars: the Bars schema and the ``by`` columns, of an interval that divides ``interval``;
            ascending by ``ts_open`` within each ``by`` group.
        interval: the length of the bars to make.
        by: columns to keep apart, such as venue and symbol.

    Returns:
        The ``by`` columns, then the Bars schema, in the order the groups appear in ``bars``. A
        bar of which no part is in ``bars`` is not made up.

    Raises:
        polars.exceptions.InvalidOperationError: on collecting, when a volume no longer fits its
            28 digits.

    """
    traded = pl.col("trade_count") > 0
    return (
        bars.with_columns(
            pl.col("ts_open").dt.truncate(interval.value),
            pl.col("close").alias("last_close"),
            *(pl.when(traded).then(name).alias(name) for name in PRICES),
        )
        .group_by(*by, "ts_open", maintain_order=True)
        .agg(
            pl.col("open").first(ignore_nulls=True),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(ignore_nulls=True),
            pl.col(*VOLUMES, "trade_count").sum(),
            pl.col("first_trade_id").min(),
            pl.col("last_trade_id").max(),
            pl.col("is_complete").all(),
            pl.col("last_close", *AS_OF_END).last(),
        )
        .with_columns(
            pl.col(*VOLUMES).cast(QUANTITY),
            *(pl.coalesce(name, "last_close").cast(PRICE) for name in PRICES),
        )
        .with_columns(vwap=vwap(pl.col("quote_volume"), pl.col("volume")))
        .select(*by, *BARS.schema.names())
    )
