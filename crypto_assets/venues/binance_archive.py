"""Binance's archive files, a block at a time: rows of the usual shape by position, the rest singly.

Source: the exchange's public data archive, its README on trades, aggregate trades, klines and the
change of spot times from milliseconds to microseconds on 2025-01-01; the API's changelog of
2022-04-12 on aggregates that turned out to be duplicates and are marked ``p=0, q=0, f=-1, l=-1``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import parse_date
from crypto_assets.model.tables import AGG_TRADES, KLINES, PRICE, QUANTITY, TIME, TRADES
from crypto_assets.venues.columns import Columns, as_decimal, as_flag, as_time, as_whole
from crypto_assets.venues.text import Ints, Mask, Text
from crypto_assets.venues.values import PRICE_DIGITS, QUANTITY_DIGITS, UNIT, decimal, time_us
from crypto_assets.venues.venue import ArchiveFile, ArchiveName, DeadLetter, Rows

_NEWLINE, _RETURN, _COMMA, _POINT, _ZERO = b"\n\r,.0"
# So much is read at once that every column of it stays in the processor's cache.
_PIECE = 1 << 20
_MS_DIGITS, _US_DIGITS = 13, 16
_INT64 = 2**63
_HEADER = re.compile(rb"[A-Za-z][A-Za-z_ ,]*")
_WHOLE = re.compile(r"[0-9]{1,19}")
_TABLES = {"trades": "trades", "aggTrades": "agg_trades"}
_TRUE, _FALSE = ("True", "true", "1"), ("False", "false", "0")
_KINDS = {"trades": "trades", "agg_trades": "aggTrades"}
"""What the archive calls each table that has no interval."""
_MICROSECONDS_FROM = dt.date(2025, 1, 1)
_TOMBSTONE = re.compile(rb"[0-9]{1,19},0(?:\.0{1,8})?,0(?:\.0{1,8})?,-1,-1,[^,]*(?:,[^,]*){1,2}")
_NAME = re.compile(
    r"(?P<symbol>[^\W_]+)-(?P<kind>trades|aggTrades|{intervals})"
    r"-(?P<date>[0-9]{{4}}-[0-9]{{2}}(?:-[0-9]{{2}})?)\.(?:csv|csv\.gz|csv\.zst|zip)".format(
        intervals="|".join(Interval),
    ),
)


class _Kind(Enum):
    """What a field holds."""

    WHOLE = "a whole number"
    TIME = "a time in ms (13 digits) or us (16 digits)"
    PRICE = "a price above zero"
    QUANTITY = "a quantity above zero"
    VOLUME = "a volume, zero or more"
    FLAG = "True, true, 1, False, false or 0"
    SKIPPED = "anything"


_POINTED = (_Kind.PRICE, _Kind.QUANTITY, _Kind.VOLUME)


@dataclass(frozen=True, slots=True)
class _Row:
    """The fields of a row, name and kind, and how many of the last may be missing."""

    fields: tuple[tuple[str, _Kind], ...]
    optional: int = 0
    tombstone: re.Pattern[bytes] | None = None
    """What a row looks like that the exchange has taken back."""

    @property
    def counts(self) -> range:
        """How many fields a row may have."""
        return range(len(self.fields) - self.optional, len(self.fields) + 1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(name for name, _ in self.fields)


_TRADE = _Row(
    (
        ("id", _Kind.WHOLE),
        ("price", _Kind.PRICE),
        ("qty", _Kind.QUANTITY),
        ("quoteQty", _Kind.VOLUME),
        ("time", _Kind.TIME),
        ("isBuyerMaker", _Kind.FLAG),
        ("isBestMatch", _Kind.FLAG),  # futures files do without
    ),
    optional=1,
)
_AGG_TRADE = _Row(
    (
        ("a", _Kind.WHOLE),
        ("p", _Kind.PRICE),
        ("q", _Kind.QUANTITY),
        ("f", _Kind.WHOLE),
        ("l", _Kind.WHOLE),
        ("T", _Kind.TIME),
        ("m", _Kind.FLAG),
        ("M", _Kind.FLAG),  # futures files do without
    ),
    optional=1,
    tombstone=_TOMBSTONE,
)
_KLINE = _Row(
    (
        ("open time", _Kind.TIME),
        ("open", _Kind.PRICE),
        ("high", _Kind.PRICE),
        ("low", _Kind.PRICE),
        ("close", _Kind.PRICE),
        ("volume", _Kind.VOLUME),
        ("close time", _Kind.TIME),
        ("quote volume", _Kind.VOLUME),
        ("count", _Kind.WHOLE),
        ("taker buy volume", _Kind.VOLUME),
        ("taker buy quote volume", _Kind.VOLUME),
        ("ignore", _Kind.SKIPPED),
    ),
)


def decode_trades(data: bytes, first_line: int) -> Rows:
    """Decode whole lines of an archive of trades; see :meth:`Venue.decode_trades`."""
    block = _read(data, first_line, _TRADE)
    price, quantity, quoted = (
        pl.col(name).cast(pl.Int128()) for name in ("price", "qty", "quoteQty")
    )
    # price x quantity, half up to 8 decimals: in two parts, for the product may exceed 128 bits.
    value = price * (quantity // UNIT) + (price * (quantity % UNIT) + UNIT // 2) // UNIT
    frame = (
        block.columns.frame()
        .with_columns(quoteQty=pl.when(value != quoted).then(quoted))
        .select(
            trade_id=as_whole("id"),
            ts_event=as_time("time"),
            price=as_decimal("price", PRICE),
            quantity=as_decimal("qty", QUANTITY),
            is_buyer_maker=as_flag("isBuyerMaker"),
            ts_recv=pl.lit(None, dtype=TIME),
            quoted_value=as_decimal("quoteQty", QUANTITY),
            match_id=pl.lit(None, dtype=pl.String),
        )
        .match_to_schema(TRADES.schema)
    )
    return Rows(frame=frame, dead=tuple(block.dead), units=frozenset(block.units))


def decode_agg_trades(data: bytes, first_line: int) -> Rows:
    """Decode whole lines of an archive of aggregates; see :meth:`Venue.decode_agg_trades`."""
    block = _read(data, first_line, _AGG_TRADE)
    frame = (
        block.columns.frame()
        .select(
            agg_id=as_whole("a"),
            ts_event=as_time("T"),
            price=as_decimal("p", PRICE),
            quantity=as_decimal("q", QUANTITY),
            first_trade_id=as_whole("f"),
            last_trade_id=as_whole("l"),
            is_buyer_maker=as_flag("m"),
        )
        .match_to_schema(AGG_TRADES.schema)
    )
    return Rows(
        frame=frame,
        dead=tuple(block.dead),
        units=frozenset(block.units),
        ignored={"tombstone": block.tombstones} if block.tombstones else {},
    )


def decode_klines(data: bytes, first_line: int, interval: str) -> Rows:
    """Decode whole lines of an archive of klines; see :meth:`Venue.decode_klines`."""
    block = _read(data, first_line, _KLINE)
    frame = (
        block.columns.frame()
        .select(
            interval=pl.lit(interval, dtype=pl.String()),
            ts_open=as_time("open time"),
            open=as_decimal("open", PRICE),
            high=as_decimal("high", PRICE),
            low=as_decimal("low", PRICE),
            close=as_decimal("close", PRICE),
            volume=as_decimal("volume", QUANTITY),
            quote_volume=as_decimal("quote volume", QUANTITY),
            trade_count=as_whole("count"),
            taker_buy_volume=as_decimal("taker buy volume", QUANTITY),
            taker_buy_quote_volume=as_decimal("taker buy quote volume", QUANTITY),
        )
        .match_to_schema(KLINES.schema)
    )
    return Rows(frame=frame, dead=tuple(block.dead), units=frozenset(block.units))


def archive_name(filename: str) -> ArchiveName | None:
    """Say what a file holds by its name; see :meth:`Venue.archive_name`."""
    found = _NAME.fullmatch(filename)
    if found is None:
        return None
    symbol, kind, date = found["symbol"], found["kind"], found["date"]
    try:
        Instrument("binance", symbol)
        parse_date(date if len(date) == len("YYYY-MM-DD") else f"{date}-01")
    except InvalidName:
        return None
    if kind in _TABLES:
        return ArchiveName(symbol, _TABLES[kind], None, date)
    return ArchiveName(symbol, "klines", kind, date)


def archive_file(name: ArchiveName) -> ArchiveFile | None:
    """Say where a file is published; see :meth:`Venue.archive_file`."""
    kind = name.interval or _KINDS.get(name.table)
    if kind is None:
        return None
    zipped = f"{name.symbol}-{kind}-{name.date}.zip"
    return ArchiveFile(zipped, f"{archive_folder(name)}{zipped}", has_checksum=True)


def archive_folder(name: ArchiveName) -> str:
    """Say below which path files like one lie; see :meth:`Venue.archive_folder`."""
    period = "monthly" if name.is_monthly else "daily"
    if name.interval is not None:
        return f"data/spot/{period}/klines/{name.symbol}/{name.interval}/"
    return f"data/spot/{period}/{_KINDS[name.table]}/{name.symbol}/"


def expected_unit(date: dt.date) -> str:
    """Say which unit a spot file's times are in; see :meth:`Venue.expected_unit`."""
    return "ms" if date < _MICROSECONDS_FROM else "us"


class _Block:
    """The rows of a block read so far."""

    def __init__(self, row: _Row) -> None:
        self.row = row
        self.columns = Columns(row.names)
        self.dead: list[DeadLetter] = []
        self.units: set[str] = set()
        self.tombstones = 0


def _read(data: bytes, first_line: int, row: _Row) -> _Block:
    """Read whole lines, a piece that stays in the cache at a time."""
    block, view, start = _Block(row), memoryview(data), 0
    while start < len(data):
        stop = data.find(b"\n", min(start + _PIECE, len(data) - 1)) + 1 or len(data)
        first_line += _read_piece(block, view[start:stop], first_line)
        start = stop
    return block


def _read_piece(block: _Block, data: memoryview, first_line: int) -> int:
    """Read a piece: rows of every usual shape at once, then the others; gives the lines in it."""
    text = Text.of(data if data[-1] == _NEWLINE else memoryview(bytes(data) + b"\n"))
    marks = text.marks(_COMMA, _POINT, _NEWLINE)
    kinds = text.octets[marks]
    breaks = np.flatnonzero(kinds == _NEWLINE)
    end = marks[breaks]
    start, first = np.empty_like(end), np.empty_like(breaks)
    start[0], first[0] = text.start, 0
    start[1:], first[1:] = end[:-1] + 1, breaks[:-1] + 1
    end -= (text.octets[end - 1] == _RETURN) & (end > start)
    singly = np.ones(len(end), dtype=np.bool_)
    for count in block.row.counts:
        fields = block.row.fields[:count]
        expected = _separators(fields)
        rows = np.flatnonzero(breaks - first == len(expected))
        if not len(rows):
            continue
        at = first[rows]
        good = np.ones(len(rows), dtype=np.bool_)
        for k, separator in enumerate(expected):
            good &= kinds[at + k] == separator
        places = [start[rows] - 1, *(marks[at + k] for k in range(len(expected))), end[rows]]
        values = _read_fields(block, text, fields, places, good)
        for name in block.row.names[count:]:
            values[name] = np.zeros(len(rows), dtype=np.int64)
        block.columns.add(rows + first_line, values, good)
        singly[rows[good]] = False
    for row in np.flatnonzero(singly).tolist():
        _read_single(block, first_line + row, text.data[start[row] : end[row]])
    return len(end)


def _separators(fields: tuple[tuple[str, _Kind], ...]) -> list[int]:
    """Give the commas and points of a row in order."""
    separators: list[int] = []
    for _, kind in fields:
        separators += [_POINT, _COMMA] if kind in _POINTED else [_COMMA]
    return separators[:-1]


def _read_fields(
    block: _Block,
    text: Text,
    fields: tuple[tuple[str, _Kind], ...],
    places: list[Ints],
    good: Mask,
) -> dict[str, Ints]:
    """Read every field of rows between the places of their separators; narrows ``good``."""
    values: dict[str, Ints] = {}
    in_ms: list[Mask] = []
    place = iter(places)
    start = next(place) + 1
    for name, kind in fields:
        end = next(place)
        if kind in _POINTED:
            point, end = end, next(place)
            values[name], fine = text.decimal(start, point, end)
            good &= fine if kind is _Kind.VOLUME else fine & (values[name] != 0)
        elif kind is _Kind.FLAG:
            values[name], fine = _flags(text, start, end)
            good &= fine
        elif kind is _Kind.SKIPPED:
            values[name] = np.zeros(len(start), dtype=np.int64)
        else:
            values[name], fine = text.whole(start, end)
            good &= fine
            if kind is _Kind.TIME:
                values[name], ms = _times(text, start, end, values[name], good)
                in_ms.append(ms)
        start = end + 1
    for ms in in_ms:
        found = ms[good]
        block.units |= {"ms"} if found.any() else set()
        block.units |= set() if found.all() else {"us"}
    return values


def _times(text: Text, start: Ints, end: Ints, value: Ints, good: Mask) -> tuple[Ints, Mask]:
    """Give times in microseconds and which of them were milliseconds; narrows ``good``."""
    in_ms = end - start == _MS_DIGITS
    good &= in_ms | (end - start == _US_DIGITS)
    good &= text.octets[start] != _ZERO
    return np.where(in_ms, value * 1000, value), in_ms


def _flags(text: Text, start: Ints, end: Ints) -> tuple[Ints, Mask]:
    """Read booleans as 0 and 1."""
    spelt = text.choice(start, end, tuple(literal.encode() for literal in _TRUE + _FALSE))
    true = np.logical_or.reduce(spelt[: len(_TRUE)])
    return true.astype(np.int64), true | np.logical_or.reduce(spelt[len(_TRUE) :])


def _read_single(block: _Block, line: int, data: bytes) -> None:
    """Read one row, whatever its shape."""
    if not data or data.isspace() or (line == 1 and _HEADER.fullmatch(data)):
        return
    row = block.row
    if row.tombstone is not None and row.tombstone.fullmatch(data):
        block.tombstones += 1
        return
    try:
        texts = data.decode().split(",")
        if len(texts) not in row.counts:
            wanted = " or ".join(str(count) for count in row.counts)
            raise ValueError(f"row of {len(texts)} fields, expected {wanted}")
        units: set[str] = set()
        values = [
            _READERS[kind](name, text, units)
            for (name, kind), text in zip(row.fields, texts, strict=False)
        ]
    except ValueError as error:
        reason = "row is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        block.dead.append(DeadLetter(line, reason, data))
        return
    block.units |= units
    block.columns.add_single(line, *values, *[0] * (len(row.fields) - len(values)))


def _one_whole(name: str, text: str, _: set[str]) -> int:
    if not _WHOLE.fullmatch(text) or int(text) >= _INT64:
        raise ValueError(f"{name} is not a whole number of 64 bits: {text[:40]!r}")
    return int(text)


def _one_time(name: str, text: str, units: set[str]) -> int:
    found = time_us(int(text)) if _WHOLE.fullmatch(text) and len(text) <= _US_DIGITS else None
    if found is None:
        raise ValueError(f"{name} is not a time in ms or us: {text[:40]!r}")
    units.add(found[1])
    return found[0]


def _one_flag(name: str, text: str, _: set[str]) -> int:
    if text not in _TRUE + _FALSE:
        raise ValueError(f"{name} is not a boolean: {text[:40]!r}")
    return int(text in _TRUE)


_READERS: dict[_Kind, Callable[[str, str, set[str]], int]] = {
    _Kind.WHOLE: _one_whole,
    _Kind.TIME: _one_time,
    _Kind.PRICE: lambda name, text, _: decimal(text, name, PRICE_DIGITS),
    _Kind.QUANTITY: lambda name, text, _: decimal(text, name, QUANTITY_DIGITS),
    _Kind.VOLUME: lambda name, text, _: decimal(text, name, QUANTITY_DIGITS, zero=True),
    _Kind.FLAG: _one_flag,
    _Kind.SKIPPED: lambda _, __, ___: 0,
}
