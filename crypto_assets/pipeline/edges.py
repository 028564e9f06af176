"""What the days before and after, and the exchange's klines, say of a day's first and last id."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import polars as pl

from crypto_assets.checks.day import Edge
from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Range
from crypto_assets.model.interval import Interval
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.listings import is_first


class Edges(msgspec.Struct, frozen=True):
    """How a day's trades join on to what is around them."""

    left_proven: bool
    """Whether nothing can be missing before the first trade."""
    right_proven: bool
    """Whether nothing can be missing after the last trade."""
    previous_close: Decimal | None
    """The last price of the day before, where its ids join on."""

    measured: tuple[Range, ...] = ()
    """Closed spans in microseconds that klines prove complete where ids prove nothing."""

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str) -> Edges:
        """Read edges as :func:`str` writes them.

        Raises:
            UnreadableInput: they are not that.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise UnreadableInput(f"expected the edges of a day, found {text!r}") from error


def neighbour(lake: Lake, partition: Partition) -> Edge | None:
    """The first and last trade id stored of a day, None where there are none."""
    stored = lake.coverage(partition)
    if stored.first is None or stored.last is None:
        return None
    return Edge(first_id=stored.first, last_id=stored.last)


def edges_of(lake: Lake, partition: Partition, trades: Manifest) -> Edges:
    """Find out which edges of a day are proven, and what it opened from.

    An edge is proven when the neighbouring day's id joins, or when the exchange's klines cover
    the whole day and count exactly the trades that are here.
    """
    before = neighbour(lake, partition.previous)
    after = neighbour(lake, partition.next)
    joins_left = before is not None and before.last_id + 1 == trades.first_id
    joins_right = after is not None and after.first_id - 1 == trades.last_id
    counted = not (joins_left and joins_right) and _klines_count(lake, partition) == trades.rows
    return Edges(
        left_proven=joins_left or counted,
        right_proven=joins_right or counted,
        previous_close=_close(lake, partition.previous, before.last_id)
        if joins_left and before
        else None,
    )


def _klines_count(lake: Lake, partition: Partition) -> int | None:
    """Trades as the exchange's klines count them, None where they do not cover the day."""
    if not lake.layout.files("klines", partition):
        return None
    by_interval = (
        lake.scan("klines", partition)
        .group_by("interval")
        .agg(
            pl.len(),
            pl.col("trade_count").sum(),
            pl.col("trade_count").null_count().alias("nulls"),
            pl.col("ts_open").min().to_physical(),
        )
    )
    with readable(f"klines of {partition}"):
        counted = by_interval.collect()
    first_day = is_first(lake, partition)
    for interval, bars, trades, nulls, first_us in counted.sort("interval").iter_rows():
        expected = Interval(interval).bars_per_day
        if first_day:
            expected = (partition.end_us - first_us) // Interval(interval).microseconds
        if not nulls and bars == expected:
            return int(trades)
    return None


def _close(lake: Lake, partition: Partition, trade_id: int) -> Decimal | None:
    asset = "raw_trades" if lake.layout.files("raw_trades", partition) else "daily_trades"
    trades = lake.scan(asset, partition)
    with readable(f"{asset} of {partition}"):
        found = trades.filter(pl.col("trade_id") == trade_id).select("price").collect()
    return found.item() if found.height == 1 else None
