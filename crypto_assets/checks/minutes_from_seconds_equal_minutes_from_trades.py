"""B8: 1 m bars rolled up from 1 s bars are those computed straight from the trades.

The second way shares nothing with the first: decimals at 16 places, rounded half away from zero,
where the bars are made of integers.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.interval import Interval
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import QUANTITY

_SHOWN = 5
_MINUTE = Interval.MINUTE.value
# Polars rounds a product of decimals half to even; at 16 places the product is exact.
_EXACT = pl.Decimal(38, 16)
_PRODUCT = pl.col("price").cast(_EXACT) * pl.col("quantity").cast(_EXACT)
_BOUGHT = ~pl.col("is_buyer_maker")
_FIELDS = {
    "open": pl.col("price").first(),
    "high": pl.col("price").max(),
    "low": pl.col("price").min(),
    "close": pl.col("price").last(),
    "volume": pl.col("quantity").sum(),
    "quote_volume": pl.col("quote").sum().cast(QUANTITY),
    "trade_count": pl.len().cast(pl.Int64),
    "taker_buy_volume": pl.col("quantity").filter(_BOUGHT).sum(),
    "taker_buy_quote_volume": pl.col("quote").filter(_BOUGHT).sum().cast(QUANTITY),
    "first_trade_id": pl.col("trade_id").min(),
    "last_trade_id": pl.col("trade_id").max(),
}


def _judge(day: Day, _measured: Measured) -> Finding:
    rolled = day.rolled.get(_MINUTE)
    if day.trades is None or rolled is None:
        return Finding.cannot_judge("no trades are stored, or no bars rolled up to 1m")
    # Opaque ids are in order down to the millisecond only, times may be finer.
    is_opaque = day.numbering is Numbering.OPAQUE
    trades = day.trades.sort("ts_event", maintain_order=True) if is_opaque else day.trades
    straight = (
        trades.with_columns(quote=_PRODUCT.round(8, mode="half_away_from_zero"))
        .group_by(ts_open=pl.col("ts_event").dt.truncate(_MINUTE))
        .agg(**_FIELDS)
    )
    pairs = (
        rolled.filter(pl.col("trade_count") != 0)
        .select("ts_open", *_FIELDS)
        .join(straight, on="ts_open", how="full", coalesce=True, suffix="_straight")
    )
    unlike = [pl.col(field).ne_missing(pl.col(f"{field}_straight")) for field in _FIELDS]
    found = pairs.select("ts_open", unlike=pl.any_horizontal(unlike)).sort("ts_open").collect()
    wrong = found.filter("unlike")
    if wrong.is_empty():
        return Finding.passes(f"{found.height:,} minutes are the same both ways")
    return Finding.fails(
        f"{wrong.height:,} of {found.height:,} minutes differ from those made of the trades",
        {
            "minutes": found.height,
            "differ": wrong.height,
            "first_us": wrong.get_column("ts_open").to_physical().head(_SHOWN).to_list(),
        },
    )


CHECK = Check(
    code="B8",
    assets=("bars_1s",),
    says="1 m bars rolled up from 1 s bars are those computed straight from the trades.",
    judge=_judge,
)
