"""What is derived of a day for its page: averages, volatility, and volume by price."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import polars as pl

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import length_of
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import CURVES, Curves
from crypto_assets.transforms.indicators import NEEDED, NEEDED_BEFORE, indicators
from crypto_assets.transforms.volume_profile import bin_width, volume_profile

_BEFORE_DAYS = 3
"""So many days before hold the 50 bars of an hour that the longest average reaches over."""
_INTERVALS = ("1m", "5m", "15m", "1h")
_MOST_BINS = 60


def curves_of(lake: Lake, partition: Partition, bars: pl.DataFrame) -> list[Curves]:
    """Compute the curves of every interval that is drawn, from one-second bars.

    The days before are looked at where their bars are stored without a hole between; without them
    an average begins once it has its bars.

    Raises:
        UnreadableInput: the bars of a day before are damaged.
    """
    with readable(f"bars of the days before {partition}"):
        found = indicators(bars.lazy().select(NEEDED), _before(lake, partition), partition)
    return [
        Curves(
            step_us=length_of(interval),
            columns={
                name: rows[name].cast(pl.Float64).to_list()
                for name in CURVES
                if not rows[name].is_null().all()
            },
        )
        for interval in _INTERVALS
        for rows in (found.filter(pl.col("interval") == interval),)
    ]


def _before(lake: Lake, partition: Partition) -> list[pl.LazyFrame]:
    found: list[pl.LazyFrame] = []
    day = partition
    for _ in range(_BEFORE_DAYS):
        day = day.previous
        asset = next((a for a in ("bars_1s", "daily_bars") if lake.layout.files(a, day)), None)
        if asset is None:
            break
        found.insert(0, lake.scan(asset, day).select(NEEDED_BEFORE))
    return found


def profile_of(lake: Lake, partition: Partition, bars: pl.DataFrame) -> pl.DataFrame | None:
    """Sum a day's trades up by price, None where there are none or they cannot be read."""
    low, high = bars["low"].min(), bars["high"].max()
    if not isinstance(low, Decimal) or not isinstance(high, Decimal):
        return None
    for asset in ("daily_trades", "raw_trades"):
        if lake.layout.files(asset, partition):
            with contextlib.suppress(UnreadableInput), readable(f"{asset} of {partition}"):
                width = bin_width(low, high, most=_MOST_BINS)
                return volume_profile(lake.scan(asset, partition), width)
    return None
