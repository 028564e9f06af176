"""Bars packed for a page: exact decimals as whole numbers, by columns, compressed.

A column is a decimal times ``10 ** places``, made small by what its neighbours say of it, and cut
into planes of bytes: the lowest byte of every row, then the next, as many as the largest value
needs. All planes together are raw deflate in base64. What a column holds:

has_price, has_quote, is_complete
    0 or 1
open
    less the last close known, zigzag (``2n``, of a negative one ``-2n - 1``); the first less 0
close
    less the open, zigzag
high, low
    above the larger, and below the smaller, of open and close
bought, sold
    base units by takers; ``volume`` alone where the sides are not known
trade_count, quote_volume
    as they are
bid
    less the close, zigzag
ask
    less the bid, zigzag

A row without a price repeats the last close, one without a quote has a bid and an ask equal to the
close; both are told by their 0.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import QUANTITY

_MINUTE = Interval.MINUTE
_PLACES = 8
_SAFE = 2**51
_PRICES = ("open", "high", "low", "close")
_WHOLE = pl.Int128()
_LONG = 8


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a grid: how it is to be read."""

    name: str
    places: int
    """Decimal places; the whole numbers are to be divided by ten to this power."""
    planes: int
    """Bytes a value."""
    is_signed: bool
    """Whether values are zigzag."""
    is_big: bool
    """Whether the values, or their sum, are beyond what a float holds exactly."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that follow each other by one step, from the day's start on."""

    step_us: int
    rows: int
    columns: list[Column]
    packed: str
    """All planes of all columns, raw deflate, base64."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A column of whole numbers."""

    name: str
    values: pl.Series
    places: int = 0
    is_signed: bool = False


def grids_of(bars: pl.DataFrame, step_us: int) -> list[Grid]:
    """Pack bars, and their quote volume by the minute: by the second it is as large as all else.

    Args:
        bars: ``ts_open`` ascending without a hole, ``is_complete``, and the columns of Bars that
            are known; others are null or left out.
        step_us: how long a bar is, in microseconds.

    Returns:
        A grid of bars and, where those are shorter than a minute, one of quote volumes.
    """
    found = [
        _Whole("has_price", _flags(bars["close"].is_not_null())),
        _Whole("is_complete", _flags(bars["is_complete"])),
        *_prices(bars),
        *_volumes(bars),
    ]
    if step_us >= _MINUTE.microseconds:
        return [_packed([*found, *_quote_volume(bars)], step_us)]
    minutes = bars.group_by(pl.col("ts_open").dt.truncate(_MINUTE.value), maintain_order=True)
    sums = minutes.agg(pl.col("quote_volume").sum().cast(QUANTITY))
    return [_packed(found, step_us), _packed(_quote_volume(sums), _MINUTE.microseconds)]


def _flags(values: pl.Series) -> pl.Series:
    return values.cast(_WHOLE)


def _scaled(columns: Sequence[pl.Series]) -> tuple[list[pl.Series], int]:
    """Make decimals whole numbers of the largest unit that leaves nothing over."""
    frame = pl.DataFrame(
        [column.reinterpret(dtype=_WHOLE).alias(str(at)) for at, column in enumerate(columns)],
    )
    places = _PLACES
    while places and not frame.select(pl.any_horizontal((pl.all() % 10 != 0).any())).item():
        frame = frame.select(pl.all() // 10)
        places -= 1
    return frame.get_columns(), places


def _prices(bars: pl.DataFrame) -> Iterator[_Whole]:
    has_quotes = "bid" in bars.columns and not bars["bid"].is_null().all()
    names = [*_PRICES, *(("bid", "ask") if has_quotes else ())]
    whole, places = _scaled([bars[name] for name in names])
    last = pl.col("close").forward_fill().fill_null(0)
    frame = pl.DataFrame(dict(zip(names, whole, strict=True))).with_columns(
        *(pl.col(name).fill_null(last) for name in _PRICES if name != "close"),
        close=last,
        before=last.shift(1, fill_value=0),
    )
    open_, close = pl.col("open"), pl.col("close")
    small = {
        "open": (open_ - pl.col("before"), True),
        "close": (close - open_, True),
        "high": (pl.col("high") - pl.max_horizontal("open", "close"), False),
        "low": (pl.min_horizontal("open", "close") - pl.col("low"), False),
    }
    if has_quotes:
        yield _Whole("has_quote", _flags(frame["bid"].is_not_null()))
        bid = pl.col("bid").fill_null(close)
        small["bid"] = (bid - close, True)
        small["ask"] = (pl.col("ask").fill_null(bid) - bid, True)
    for name, (values, is_signed) in small.items():
        found = frame.select(_zigzag(values) if is_signed else values).to_series()
        yield _Whole(name, found, places, is_signed)


def _zigzag(values: pl.Expr) -> pl.Expr:
    return pl.when(values < 0).then(-2 * values - 1).otherwise(2 * values)


def _volumes(bars: pl.DataFrame) -> Iterator[_Whole]:
    volume = bars["volume"].fill_null(0)
    if _is_known(bars, "taker_buy_volume"):
        bought = bars["taker_buy_volume"].fill_null(0)
        whole, places = _scaled([bought, volume])
        yield _Whole("bought", whole[0], places)
        yield _Whole("sold", whole[1] - whole[0], places)
    else:
        whole, places = _scaled([volume])
        yield _Whole("volume", whole[0], places)
    if _is_known(bars, "trade_count"):
        yield _Whole("trade_count", _flags(bars["trade_count"].fill_null(0)))


def _is_known(bars: pl.DataFrame, name: str) -> bool:
    """Whether every bar with a price has a value."""
    return bars[name].null_count() == bars["volume"].null_count()


def _quote_volume(bars: pl.DataFrame) -> Iterator[_Whole]:
    (whole,), places = _scaled([bars["quote_volume"].fill_null(0)])
    yield _Whole("quote_volume", whole, places)


def _planes(values: pl.Series, width: int) -> bytes:
    """Cut whole numbers into planes of bytes, the lowest first."""
    if width < _LONG:
        rows = values.cast(pl.Int64()).to_numpy().astype("<i8").view(np.uint8)
        return rows.reshape(-1, _LONG)[:, :width].T.tobytes()
    found = values.to_frame("value").select(
        (pl.col("value") // 256**plane % 256).cast(pl.UInt8()).alias(str(plane))
        for plane in range(width)
    )
    return b"".join(plane.to_numpy().tobytes() for plane in found)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _packed(columns: Iterable[_Whole], step_us: int) -> Grid:
    told: list[Column] = []
    planes: list[bytes] = []
    rows = 0
    for one in columns:
        rows = one.values.len()
        largest = _number(one.values.max())
        width = max(1, (largest.bit_length() + 7) // 8)
        told.append(
            Column(
                name=one.name,
                places=one.places,
                planes=width,
                is_signed=one.is_signed,
                # A price is a sum of all steps before it; no sum is larger than this one.
                is_big=int(one.values.sum()) >= _SAFE,
            ),
        )
        planes.append(_planes(one.values, width))
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = packer.compress(b"".join(planes)) + packer.flush()
    return Grid(
        step_us=step_us,
        rows=rows,
        columns=told,
        packed=base64.b64encode(data).decode(),
    )
