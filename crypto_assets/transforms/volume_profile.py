"""How much was traded at which prices: exact sums by bins of price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.model.tables import PRICE, QUANTITY, VOLUME_PROFILE

_UNIT = 10**8  # of the last decimal place of prices and quantities, in one whole
_NICE = (1, 2, 5)
VALUE_AREA = 70
"""Per cent of the volume the value area holds at least."""


def bin_width(
    low: Decimal,
    high: Decimal,
    tick_size: Decimal | None = None,
    most: int = 200,
) -> Decimal:
    """Choose how wide bins are: 1, 2 or 5 times a power of ten of ticks, at most so many bins.

    Args:
        low: the lowest price.
        high: the highest.
        tick_size: what prices are multiples of; by default the last decimal place.
        most: the most bins that may lie between them, at least 2.

    """
    tick = _units(tick_size) if tick_size else 1
    lowest, highest = _units(low) // tick, _units(high) // tick
    power = 1
    while True:
        for factor in _NICE:
            width = factor * power
            if highest // width - lowest // width < most:
                return Decimal(width * tick) / _UNIT
        power *= 10


def volume_profile(trades: pl.LazyFrame, width: Decimal) -> pl.DataFrame:
    """Sum trades up by bins ``[price_from, price_from + width)``, every bin with a trade.

    Every sum is an exact decimal, so the bins add up to the whole to the last digit. The point of
    control is the bin of the largest volume, the lowest of several. The value area grows from it,
    one traded bin at a time, to the side whose next bin has more volume, upwards where both have
    the same, until it holds 70 % of the volume.

    Source: the value area of J. P. Steidlmayer's Market Profile (Chicago Board of Trade), which
    grows by two prices at a time; by one it depends less on where bins begin.

    Args:
        trades: columns price, quantity and is_buyer_maker of the Trades schema, in any order.
        width: a positive multiple of the tick size, of at most 8 decimal places.

    Returns:
        The VolumeProfile schema, ascending by price.

    Raises:
        InvalidName: the width is not such a number.

    """
    units = _units(width)
    if units <= 0 or Decimal(units) / _UNIT != width:
        raise InvalidName(f"bin width {width}: expected a positive number of at most 8 decimals")
    quantity = pl.col("quantity")
    # A price of 18 digits is within 64 bits; dividing 128 of them takes many times as long.
    start = pl.col("price").reinterpret(dtype=pl.Int128).cast(pl.Int64) // units
    bins = (
        trades.select(start.alias("bin"), "quantity", "is_buyer_maker")
        .group_by("bin")
        .agg(
            volume=quantity.sum().cast(QUANTITY),
            taker_buy_volume=pl.when(~pl.col("is_buyer_maker")).then(quantity).sum().cast(QUANTITY),
            trade_count=pl.len().cast(pl.Int64),
        )
        .sort("bin")
        .collect(engine="streaming")
    )
    price = (pl.col("bin") * units).cast(pl.Int128)
    volumes = bins["volume"].reinterpret(dtype=pl.Int128).to_list()
    first, peak, last = _value_area(volumes)
    row = pl.int_range(pl.len())
    return bins.select(
        price_from=price.reinterpret(dtype=PRICE),
        price_to=(price + units).reinterpret(dtype=PRICE),
        volume="volume",
        taker_buy_volume="taker_buy_volume",
        trade_count="trade_count",
        is_point_of_control=row == peak,
        is_value_area=row.is_between(first, last),
    ).select(VOLUME_PROFILE.schema.names())


def _value_area(volumes: Sequence[int]) -> tuple[int, int, int]:
    """Find the first bin of the value area, the point of control, and the last bin."""
    if not volumes:
        return 0, 0, 0
    peak = volumes.index(max(volumes))
    first = last = peak
    held, whole = volumes[peak], sum(volumes)
    while held * 100 < whole * VALUE_AREA:
        below = volumes[first - 1] if first else -1
        above = volumes[last + 1] if last + 1 < len(volumes) else -1
        if above >= below:
            last += 1
            held += above
        else:
            first -= 1
            held += below
    return first, peak, last


def _units(price: Decimal) -> int:
    return int(price * _UNIT)
