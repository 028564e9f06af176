"""Prices of a day, put together."""

from __future__ import annotations

import polars as pl

from crypto_assets.venues.coingecko import MARKET_CHART

_KEY = ("coin", "currency", "ts_updated")
_HOUR = pl.col("ts_updated").dt.truncate("1h").alias("hour")


def added(kept: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Add new prices to those that are kept; of an update that both have the kept one stays.

    What comes from the chart of the past fills hours only in which a coin has no price in the
    currency. The same rows added again, in whatever order, change nothing.

    Args:
        kept: the PriceSnapshots schema, each key once.
        new: likewise.

    Returns:
        The PriceSnapshots schema, ascending by ts_updated, coin and currency.

    """
    hours = kept.select("coin", "currency", _HOUR).unique()
    of_past = pl.col("source") == MARKET_CHART
    asked = new.filter(~of_past)
    filling = (
        new.filter(of_past)
        .with_columns(_HOUR)
        .join(hours, on=["coin", "currency", "hour"], how="anti")
        .drop("hour")
    )
    fresh = pl.concat([asked, filling]).join(kept, on=_KEY, how="anti")
    fresh = fresh.unique(_KEY, keep="first", maintain_order=True)
    return pl.concat([kept, fresh]).sort("ts_updated", "coin", "currency")
