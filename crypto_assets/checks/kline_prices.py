"""What a kline's four prices may be, given our bars.

A bar's first and last price lie between bounds, which are one and the same where ids order its
trades. Opaque ids leave open which of several trades of one millisecond came first or last: then
each of their prices may be meant. Some exchanges open a kline at the close before it, and count
that price as traded in it: high and low reach to it.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.day import Day
from crypto_assets.model.interval import Interval
from crypto_assets.model.numbering import Numbering

PRICES = ("open", "high", "low", "close")
_BOUNDS = ("open_from", "open_to", "close_from", "close_to")
_OPEN_THEIRS = pl.col("open_theirs")


def with_bounds(day: Day, interval: Interval, bars: pl.LazyFrame) -> pl.LazyFrame:
    """Add the bounds of open and close to bars of one interval, ascending by ``ts_open``."""
    bounded = bars.with_columns(
        open_from="open",
        open_to="open",
        close_from="close",
        close_to="close",
        opens_at_last_close=pl.lit(day.klines_open_at_last_close),
    )
    if day.numbering is Numbering.OPAQUE and day.trades is not None:
        bounded = bounded.update(_of_first_and_last(day.trades, interval), on="ts_open")
    if not day.klines_open_at_last_close:
        return bounded
    # Of a bar without trades only the open says anything: all else must be the same.
    traded = pl.col("trade_count") > 0
    last = {f"open_{end}": _last(pl.when(traded).then(f"close_{end}")) for end in ("from", "to")}
    kept = (pl.when(traded).then(name).alias(name) for name in (*PRICES[1:], *_BOUNDS[2:]))
    return bounded.with_columns(**last).with_columns(*kept)


def _last(price: pl.Expr) -> pl.Expr:
    return price.forward_fill().shift(1)


def _of_first_and_last(trades: pl.LazyFrame, interval: Interval) -> pl.LazyFrame:
    """Find between which prices the trades of each bar's first and last millisecond lie."""
    instant = pl.col("ts_event").to_physical() // Numbering.OPAQUE.resolution_us
    first = pl.col("price").filter(instant == instant.min())
    last = pl.col("price").filter(instant == instant.max())
    return trades.group_by(ts_open=pl.col("ts_event").dt.truncate(interval.value)).agg(
        open_from=first.min(),
        open_to=first.max(),
        close_from=last.min(),
        close_to=last.max(),
    )


def unlike_price(name: str) -> pl.Expr:
    """Whether a kline's price is none of those it may be; never where ours is not known."""
    theirs = pl.col(f"{name}_theirs")
    low, high = pl.col(f"{name}_from"), pl.col(f"{name}_to")
    match name:
        case "high":
            low = high = _reaching(pl.max_horizontal("high", _OPEN_THEIRS), "high")
        case "low":
            low = high = _reaching(pl.min_horizontal("low", _OPEN_THEIRS), "low")
        case "close":
            low, high = (_reaching(pl.coalesce(end, _OPEN_THEIRS), end) for end in _BOUNDS[2:])
    return ((theirs < low) | (theirs > high)).fill_null(value=False)


def _reaching(with_open: pl.Expr, name: str) -> pl.Expr:
    return pl.when("opens_at_last_close").then(with_open).otherwise(name)


def is_undecided() -> pl.Expr:
    """Whether open or close may be one of several prices."""
    return (pl.col("open_from") != pl.col("open_to")) | (pl.col("close_from") != pl.col("close_to"))
