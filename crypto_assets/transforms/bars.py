"""Bars of one second from trades and quotes, equal to the exchange's own klines.

Everything is integer arithmetic on the 128 bits behind the decimals: ``reinterpret`` gives them
and takes them back without a conversion, and refuses a number with more digits than its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from crypto_assets.model.coverage import Range
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, PRICE, QUANTITY, TIME
from crypto_assets.transforms.completeness import SECONDS, complete_seconds, measured_seconds
from crypto_assets.transforms.last_quotes import QUOTED, last_quotes

_UNIT = 10**8  # of the last decimal place of prices and quantities, in one whole
_LARGEST_PRODUCT = 10**38
_TOO_LARGE = 10**37

_PRICES = ("open", "high", "low", "close")
_VOLUMES = ("volume", "taker_buy_volume")
_VALUES = ("quote_volume", "taker_buy_quote_volume")
_OF_QUOTES = (*QUOTED, "spread")
_OF_TRADES = pl.Schema(
    {name: dtype for name, dtype in BARS.schema.items() if name not in _OF_QUOTES},
)


def from_trades(
    trades: pl.LazyFrame,
    quotes: pl.LazyFrame | None,
    partition: Partition,
    *,
    missing: Sequence[Range] = (),
    previous_close: Decimal | None = None,
    left_edge_proven: bool = False,
    right_edge_proven: bool = False,
    recorded: Sequence[Range] = (),
    in_time_order: bool = False,
    numbering: Numbering = Numbering.SEQUENCE,
    measured: Sequence[Range] = (),
) -> pl.LazyFrame:
    """Compute the 86,400 one-second bars of a partition's UTC day.

    A trade belongs to the second its ``ts_event`` lies in; open is the price of the second's
    lowest id and close of its highest; ``quote_volume`` sums price x quantity, each product
    rounded half up to 8 decimals; a taker bought where ``is_buyer_maker`` is false; ``vwap`` is
    ``quote_volume / volume``, rounded half up to 8 decimals. Held against the exchange's klines,
    these rules give every field exactly. Opaque ids are in order down to the millisecond only: open
    is then the price of the second's earliest trade and close of its latest, by id among equals.

    A second without trades repeats the last close as its four prices where it is complete, and
    has none where it may lack trades: see :func:`complete_seconds`. Quotes are as of the second's
    end: see :func:`last_quotes`.

    Trades of other days are left out: that there are none is for a check to find beforehand.

    Args:
        trades: the Trades schema (more columns are ignored), each id once, ascending by id.
        quotes: the Quotes schema, each update id once, ascending; None leaves the quotes null.
        partition: whose day it is.
        missing: closed ranges of trade ids the day lacks, in any order.
        previous_close: the close before the day, for the seconds before its first trade.
        left_edge_proven: no id is missing between the day before and the first trade.
        right_edge_proven: no id is missing between the last trade and the day after.
        recorded: closed spans in microseconds since 1970 in which quotes were recorded.
        in_time_order: ``ts_event`` is known never to run backwards; saves finding that out.
        numbering: what the ids are; opaque ones tell of no second whether it is complete.
        measured: closed, ascending spans in microseconds since 1970 known to lack nothing by
            something else than ids: the complete seconds where ids are opaque.

    Returns:
        The Bars schema, ascending by ``ts_open``. Collect it on the streaming engine: that is
        faster and does not hold the day's trades in memory.

    Raises:
        polars.exceptions.ComputeError: on collecting, when a volume has more digits than its
            column, or a second's highest price times its volume exceeds 10^22.

    """
    is_opaque = numbering is Numbering.OPAQUE

    def whole_day(runs: pl.DataFrame) -> pl.DataFrame:
        if is_opaque:
            complete = measured_seconds(measured, partition.start_us)
        else:
            complete = complete_seconds(
                runs,
                missing,
                left_edge_proven=left_edge_proven,
                right_edge_proven=right_edge_proven,
            )
        return _whole_day(_seconds(runs), complete, partition, previous_close)

    bars = _runs(
        trades,
        partition,
        in_time_order=in_time_order,
        by_time=is_opaque,
    ).map_batches(
        whole_day,
        schema=_OF_TRADES,
    )
    if quotes is None:
        bars = bars.with_columns(
            pl.lit(None, dtype=BARS.schema[name]).alias(name) for name in QUOTED
        )
    else:
        bars = pl.concat([bars, last_quotes(quotes, partition, recorded)], how="horizontal")
    return bars.with_columns((pl.col("ask") - pl.col("bid")).cast(PRICE).alias("spread"))


def vwap(quote_volume: pl.Expr, volume: pl.Expr) -> pl.Expr:
    """Divide a ``Decimal(28, 8)`` by another, rounding half up to 8 decimals; null for 0 / 0.

    A number of 28 digits times 10^8 stays well within 128 bits.
    """
    divisor = volume.reinterpret(dtype=pl.Int128)
    dividend = quote_volume.reinterpret(dtype=pl.Int128) * _UNIT
    return ((dividend + divisor // 2) // divisor).reinterpret(dtype=PRICE)


def _runs(
    trades: pl.LazyFrame,
    partition: Partition,
    *,
    in_time_order: bool,
    by_time: bool,
) -> pl.LazyFrame:
    """Aggregate every unbroken run of trades within one second.

    Grouping by a sorted key takes half the time of hashing it. Times may run backwards, the
    number of a run cannot; runs of one second are brought together when few rows are left.
    """
    price, quantity, value = pl.col("price"), pl.col("quantity"), pl.col("value")
    product = price.reinterpret(dtype=pl.Int128) * quantity.reinterpret(dtype=pl.Int128)
    taker_bought = pl.when(~pl.col("is_buyer_maker"))
    time = pl.col("ts_event")
    earliest = price.filter(time == time.min()) if by_time else price
    latest = price.filter(time == time.max()) if by_time else price
    second = pl.col("second")
    return (
        trades.select(
            "trade_id",
            "price",
            "quantity",
            "is_buyer_maker",
            "ts_event",
            second=(pl.col("ts_event").to_physical() - partition.start_us) // SECOND_US,
            value=(product + _UNIT // 2) // _UNIT,
        )
        .with_columns(
            run=(second if in_time_order else second.rle_id()).set_sorted(),
            bought=taker_bought.then("quantity"),
            bought_value=taker_bought.then("value"),
        )
        .group_by("run", maintain_order=True)
        .agg(
            second.first(),
            open=earliest.first(),
            high=price.max(),
            low=price.min(),
            close=latest.last(),
            volume=quantity.sum(),
            quote_volume=value.sum(),
            trade_count=pl.len().cast(pl.Int64),
            taker_buy_volume=pl.col("bought").sum(),
            taker_buy_quote_volume=pl.col("bought_value").sum(),
            first_trade_id=pl.col("trade_id").first(),
            last_trade_id=pl.col("trade_id").last(),
        )
        .filter(second.is_between(0, SECONDS - 1))
    )


def _seconds(runs: pl.DataFrame) -> pl.DataFrame:
    """Bring the runs of each second together; they are ascending by id."""
    if (runs["second"].diff().drop_nulls() > 0).all():
        return runs
    return runs.group_by("second").agg(
        pl.col("open", "first_trade_id").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close", "last_trade_id").last(),
        pl.col(*_VOLUMES, *_VALUES, "trade_count").sum(),
    )


def _whole_day(
    seconds: pl.DataFrame,
    is_complete: pl.Series,
    partition: Partition,
    previous_close: Decimal | None,
) -> pl.DataFrame:
    """Lay the seconds with trades over the whole day and fill the others."""
    volume, high = pl.col("volume").reinterpret(dtype=pl.Int128), pl.col("high")
    # No product and no sum of a second exceeds high x volume; where that leaves 128 bits they may
    # have wrapped, and the value is made one that its column refuses.
    wrapped = volume > pl.lit(_LARGEST_PRODUCT) // high.reinterpret(dtype=pl.Int128)
    too_large = pl.when(wrapped).then(pl.lit(_TOO_LARGE, dtype=pl.Int128))
    last_close = pl.col("close").forward_fill().fill_null(pl.lit(previous_close, dtype=PRICE))
    quiet = pl.when("is_complete").then(last_close)
    return (
        pl.select(second=pl.int_range(SECONDS, dtype=pl.Int64))
        .join(seconds, on="second", how="left", maintain_order="left")
        .with_columns(is_complete.alias("is_complete"))
        .with_columns(
            *(too_large.otherwise(pl.col(name).fill_null(0)).alias(name) for name in _VALUES),
            pl.col(*_VOLUMES).reinterpret(dtype=pl.Int128).fill_null(0),
            *(pl.coalesce(name, quiet).alias(name) for name in _PRICES),
            pl.col("trade_count").fill_null(0),
            ts_open=(pl.col("second") * SECOND_US + partition.start_us).cast(TIME),
        )
        .with_columns(pl.col(*_VOLUMES, *_VALUES).reinterpret(dtype=QUANTITY))
        .with_columns(vwap=vwap(pl.col("quote_volume"), pl.col("volume")))
        .select(_OF_TRADES.names())
    )
