"""Trades held against klines by what they add up to: for venues whose ids prove nothing.

Where the volume and the turnover of a kline are those of our trades of its interval, to the last
decimal, none of them is missing, doubled or altered: a lost trade would have to be made up for by
others in both sums at once.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import QUANTITY, TRADES

_UNIT = 10**8
_KNOWN = {interval.value: interval for interval in Interval}
_SUMS = ("volume", "quote_volume")


def intervals_of(klines: pl.LazyFrame) -> list[Interval]:
    """The known intervals that klines are stored of, shortest first."""
    names = klines.select(pl.col("interval").unique()).collect().get_column("interval")
    known = [_KNOWN[name] for name in names if name in _KNOWN]
    return sorted(known, key=lambda interval: interval.microseconds)


def measured(
    trades: pl.LazyFrame | None,
    klines: pl.LazyFrame,
    interval: Interval,
) -> pl.DataFrame:
    """Pair what our trades of each interval add up to with the kline of it.

    Args:
        trades: the Trades schema, each trade once; None where there are none.
        klines: the Klines schema, of any intervals.
        interval: which klines to pair.

    Returns:
        ``ts_open``, ``volume`` and ``quote_volume`` of our trades (0 without one), the same of the
        klines with the suffix ``_theirs`` (null without one), and ``is_equal``; ascending.

    """
    price, quantity = (pl.col(name).reinterpret(dtype=pl.Int128) for name in ("price", "quantity"))
    rows = TRADES.schema.to_frame().lazy() if trades is None else trades
    ours = rows.group_by(ts_open=pl.col("ts_event").dt.truncate(interval.value)).agg(
        volume=quantity.sum().reinterpret(dtype=QUANTITY),
        quote_volume=((price * quantity + _UNIT // 2) // _UNIT).sum().reinterpret(dtype=QUANTITY),
    )
    theirs = klines.filter(pl.col("interval") == interval.value).select("ts_open", *_SUMS)
    none = pl.lit(0, dtype=QUANTITY)
    return (
        ours.join(theirs, on="ts_open", how="full", coalesce=True, suffix="_theirs")
        .with_columns(pl.col(_SUMS).fill_null(none))
        .with_columns(
            is_equal=pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_theirs")) for n in _SUMS),
        )
        .sort("ts_open")
        .collect()
    )


def proven_spans(trades: pl.LazyFrame, klines: pl.LazyFrame) -> tuple[Range, ...]:
    """Find when a day is complete, as closed spans in microseconds: wherever a kline is equal."""
    spans: list[Range] = []
    for interval in intervals_of(klines):
        pairs = measured(trades, klines, interval).filter("is_equal")
        starts = pairs.get_column("ts_open").to_physical().to_list()
        spans += [(start, start + interval.microseconds - 1) for start in starts]
    return Coverage.of(spans).ranges
