"""Binance's stream, a block at a time: lines of the two common shapes by position, the rest singly.

The exchange writes every trade and every top of book with the same keys in the same order. Such a
line has a known number of commas, and each key with its value lies between two of them. All lines
of a block are read at those places at once; one that differs anywhere from what is expected goes
to :mod:`binance_wire`, which decides. Both ways give the same values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from crypto_assets.model.tables import PRICE, QUANTITY
from crypto_assets.venues import binance_wire as wire
from crypto_assets.venues import values
from crypto_assets.venues.columns import Columns, as_decimal, as_flag, as_time, as_whole
from crypto_assets.venues.text import Ints, Mask, Text, Words
from crypto_assets.venues.venue import (
    CLOCK_FRAME,
    QUOTE_FRAME,
    TRADE_FRAME,
    DeadLetter,
    Frames,
    Note,
)

_NEWLINE, _RETURN, _SPACE, _COMMA, _ZERO, _POINT = b"\n\r ,0."
# So much is read at once that every column of it stays in the processor's cache.
_PIECE = 1 << 20
_TRADE_COMMAS = 9
_BOOK_TICKER_COMMAS = 6
_STREAM_BYTES = 64
_SYMBOL_BYTES = 40
_NS_DIGITS, _US_DIGITS, _MS_DIGITS = 19, 16, 13
_HASH = np.uint64(0x9E37_79B9_7F4A_7C15)

_TRADE_COLUMNS = (
    "symbol",
    "recv",
    "sent",
    "id",
    "event",
    "price",
    "quantity",
    "maker",
)
_BOOK = ("bid", "bid_quantity", "ask", "ask_quantity")
_QUOTE_COLUMNS = ("symbol", "recv", "id", *_BOOK)


def decode_frames(data: bytes, first_line: int, *, last: bool) -> Frames:
    """Decode whole lines of a capture; see :meth:`Venue.decode_frames`.

    A line is a local time, of 16 digits in microseconds or 19 in nanoseconds, and a message.
    """
    block = _Block()
    for lines in _pieces(data, first_line):
        block.read(lines)
    if last and data and not data.endswith(b"\n"):
        block.mark_torn(first_line + data.count(b"\n"))
    return block.frames()


def _pieces(data: bytes, first_line: int) -> Iterator[_Lines]:
    """Cut a block into pieces of whole lines."""
    view, start = memoryview(data), 0
    while start < len(data):
        stop = data.find(b"\n", min(start + _PIECE, len(data) - 1)) + 1 or len(data)
        lines = _Lines.of(view[start:stop], first_line)
        yield lines
        first_line += len(lines.start)
        start = stop


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a piece: where each starts and ends, and where its commas are."""

    text: Text
    first_line: int
    start: Ints
    end: Ints
    marks: Ints
    first: Ints
    """Index into ``marks`` of the line's first comma."""
    count: Ints
    """How many of them the line has."""

    @classmethod
    def of(cls, data: memoryview, first_line: int) -> _Lines:
        text = Text.of(data if data[-1] == _NEWLINE else memoryview(bytes(data) + b"\n"))
        marks = text.marks(_COMMA, _NEWLINE)
        breaks = np.flatnonzero(text.octets[marks] == _NEWLINE)
        end = marks[breaks]
        start, first = np.empty_like(end), np.empty_like(breaks)
        start[0], first[0] = text.start, 0
        start[1:], first[1:] = end[:-1] + 1, breaks[:-1] + 1
        end -= (text.octets[end - 1] == _RETURN) & (end > start)
        return cls(text, first_line, start, end, marks, first, breaks - first)


class _Shape:
    """Lines that may all have the same shape, and which of them still look so."""

    def __init__(self, lines: _Lines, commas: int) -> None:
        self.rows = np.flatnonzero(lines.count == commas)
        self.good = np.ones(len(self.rows), dtype=np.bool_)
        self._text = lines.text
        self._marks = lines.marks
        self._first = lines.first[self.rows]
        self.start = lines.start[self.rows]
        self.end = lines.end[self.rows]

    def comma(self, number: int) -> Ints:
        """Where the comma of that number is, from 0."""
        return self._marks[self._first + number]

    def expect(self, at: Ints, literal: bytes) -> None:
        """Keep the lines that have the literal there."""
        self.good &= self._text.says(at, literal)

    def whole(self, start: Ints, end: Ints) -> Ints:
        """Read whole numbers as JSON writes them, without a leading zero."""
        value, good = self._text.whole(start, end)
        self.good &= good & (self._text.octets[start] != _ZERO)
        return value

    def decimal(self, start: Ints, end: Ints, *, zero: bool) -> Ints:
        """Read decimals with all their 8 places, in units of 1e-8."""
        point = end - (values.DECIMALS + 1)
        above, good = self._text.whole(start, point)
        below, fine = self._text.digits(end)
        good &= fine & (self._text.octets[point] == _POINT) & (point - start <= values.PRICE_DIGITS)
        value = above * values.UNIT + below
        if not zero:
            good &= value != 0
        self.good &= good
        return value

    def time(self, start: Ints, end: Ints) -> tuple[Ints, Mask]:
        """Read times of 13 or 16 digits in microseconds, and which of them were milliseconds."""
        value = self.whole(start, end)
        length = end - start
        in_ms = length == _MS_DIGITS
        self.good &= in_ms | (length == _US_DIGITS)
        return np.where(in_ms, value * 1000, value), in_ms

    def flag(self, start: Ints, end: Ints, behind: bytes = b"") -> Mask:
        """Read booleans, with what else stands before ``end``."""
        true, false = self._text.choice(start, end, (b"true" + behind, b"false" + behind))
        self.good &= true | false
        return true

    def receive(self) -> tuple[Ints, Ints]:
        """Read the receive times in microseconds, and where the message starts, at its blank."""
        in_us = self._text.octets[self.start + _US_DIGITS] == _SPACE
        blank = self.start + np.where(in_us, _US_DIGITS, _NS_DIGITS)
        value = self.whole(self.start, self.start + _US_DIGITS)
        self.good &= self._text.digits(blank)[1]
        return value, blank

    def names(self, stream: tuple[Ints, Ints], symbol: tuple[Ints, Ints], kind: str) -> _Names:
        """Read the symbols, checked against the streams' names; each pair is checked once."""
        streams, fine = self._text.spell(*stream, _STREAM_BYTES)
        symbols, good = self._text.spell(*symbol, _SYMBOL_BYTES)
        self.good &= fine & good
        codes, heads, same = _distinct([*streams, *symbols])
        self.good &= same
        found = [
            _agreed(
                self._text.data[stream[0][head] : stream[1][head]],
                self._text.data[symbol[0][head] : symbol[1][head]],
                kind,
            )
            for head in heads
        ]
        self.good &= np.array([name is not None for name in found], dtype=np.bool_)[codes]
        return _Names(found, codes)


@dataclass(frozen=True, slots=True)
class _Names:
    """Symbols of many lines: which there are (None where it is none), and each line's."""

    found: list[str | None]
    codes: Ints


def _distinct(words: list[Words]) -> tuple[Ints, list[int], Mask]:
    """Give the distinct rows numbers, say where each is first seen, and False where unsure."""
    rows = len(words[0])
    if all((column == column[0]).all() for column in words):
        return np.zeros(rows, dtype=np.int64), [0], np.ones(rows, dtype=np.bool_)
    key = np.zeros(rows, dtype=np.uint64)
    for column in words:
        key = (key ^ column) * _HASH
        key ^= key >> np.uint64(29)
    _, heads, codes = np.unique(key, return_index=True, return_inverse=True)
    same = np.ones(rows, dtype=np.bool_)
    for column in words:
        same &= column == column[heads][codes]
    return codes, heads.tolist(), same


def _agreed(stream: bytes, symbol: bytes, kind: str) -> str | None:
    """Say which symbol both texts of the wire name; None where the slow way must judge."""
    try:
        named = msgspec.json.decode(b'"%b"' % stream, type=str)
        return wire.agreed_symbol(named, kind, msgspec.json.decode(b'"%b"' % symbol, type=str))
    except ValueError:
        return None


class _Block:
    """What is known of a block so far."""

    def __init__(self) -> None:
        self._symbols: dict[str, int] = {}
        self._trades = Columns(_TRADE_COLUMNS)
        self._quotes = Columns(_QUOTE_COLUMNS)
        self._dead: list[DeadLetter] = []
        self._ignored: Counter[str] = Counter()
        self._notes: list[Note] = []
        self._clock: list[tuple[int, int]] = []
        self._units: set[str] = set()
        # Line and receive time of the first and of the last line that has one.
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None

    def read(self, lines: _Lines) -> None:
        """Read a piece, the lines of the common shapes first and then every other one."""
        singly = np.ones(len(lines.start), dtype=np.bool_)
        for shape in (self._read_trades(lines), self._read_quotes(lines)):
            singly[shape.rows[shape.good]] = False
        self._read_singly(lines, np.flatnonzero(singly))

    def _read_trades(self, lines: _Lines) -> _Shape:
        """Take ``{"stream":S,"data":{"e":"trade","E":,"s":,"t":,"p":,"q":,"T":,"m":,"M":}}``."""
        shape = _Shape(lines, _TRADE_COMMAS)
        if not len(shape.rows):
            return shape
        # Named as the wire's keys: the comma in front of the key, which ends the value before.
        data, e_time, s, t, p, q, t_time, m, best = (shape.comma(k) for k in range(_TRADE_COMMAS))
        recv, blank = shape.receive()
        shape.expect(blank, b' {"stream":"')
        shape.expect(data - 1, b'","data":{"e":"trade","E":')
        sent, _ = shape.time(e_time + 5, s)
        shape.expect(s, b',"s":"')
        shape.expect(t - 1, b'","t":')
        trade_id = shape.whole(t + 5, p)
        shape.expect(p, b',"p":"')
        price = shape.decimal(p + 6, q - 1, zero=False)
        shape.expect(q - 1, b'","q":"')
        quantity = shape.decimal(q + 6, t_time - 1, zero=False)
        shape.expect(t_time - 1, b'","T":')
        event, in_ms = shape.time(t_time + 5, m)
        shape.expect(m, b',"m":')
        maker = shape.flag(m + 5, best)
        shape.expect(best, b',"M":')
        shape.flag(best + 5, shape.end, b"}}")
        names = shape.names((blank + 12, data - 1), (s + 6, t - 1), "trade")
        line = shape.rows + lines.first_line
        values = {
            "symbol": self._codes(names),
            "recv": recv,
            "sent": sent,
            "id": trade_id,
            "event": event,
            "price": price,
            "quantity": quantity,
            "maker": maker.astype(np.int64),
        }
        self._trades.add(line, values, shape.good)
        self._saw_all(line[shape.good], recv[shape.good])
        found = in_ms[shape.good]
        if len(found):
            self._units |= {"ms"} if found.all() else {"us"} if not found.any() else {"ms", "us"}
        return shape

    def _read_quotes(self, lines: _Lines) -> _Shape:
        """Take ``{"stream":S,"data":{"u":,"s":,"b":,"B":,"a":,"A":}}``."""
        shape = _Shape(lines, _BOOK_TICKER_COMMAS)
        if not len(shape.rows):
            return shape
        data, s, *keys = (shape.comma(k) for k in range(_BOOK_TICKER_COMMAS))
        recv, blank = shape.receive()
        shape.expect(blank, b' {"stream":"')
        shape.expect(data - 1, b'","data":{"u":')
        update_id = shape.whole(data + 13, s)
        shape.expect(s, b',"s":"')
        shape.expect(shape.end - 3, b'"}}')
        names = shape.names((blank + 12, data - 1), (s + 6, keys[0] - 1), "bookTicker")
        line = shape.rows + lines.first_line
        values = {"symbol": self._codes(names), "recv": recv, "id": update_id}
        ends = [*(key - 1 for key in keys[1:]), shape.end - 3]
        for name, letter, key, end in zip(_BOOK, b"bBaA", keys, ends, strict=True):
            shape.expect(key - 1, b'","%c":"' % letter)
            values[name] = shape.decimal(key + 6, end, zero=True)
        self._quotes.add(line, values, shape.good)
        self._saw_all(line[shape.good], recv[shape.good])
        return shape

    def _read_singly(self, lines: _Lines, rows: Ints) -> None:
        """Give every other line to the slow way."""
        starts, ends = lines.start[rows].tolist(), lines.end[rows].tolist()
        for row, start, end in zip(rows.tolist(), starts, ends, strict=True):
            data = lines.text.data[start:end]
            if data and not data.isspace():
                self._read_line(row + lines.first_line, data)

    def _read_line(self, line: int, data: bytes) -> None:
        """Read one line."""
        split = values.split_line(data)
        if split is None:
            self._dead.append(DeadLetter(line, "no receive time", data))
            return
        recv, payload = split
        self._saw(line, recv)
        message = wire.read_message(payload)
        if isinstance(message, wire.Noted):
            self._ignored["collector"] += 1
            self._notes.append(Note(recv, payload))
        elif isinstance(message, wire.Ignored):
            self._ignored[message.kind] += 1
            if message.sent_us is not None:
                self._clock.append((recv, message.sent_us))
        elif isinstance(message, wire.TakenTrade):
            self._units.add(message.unit)
            self._trades.add_single(
                line,
                self._code(message.symbol),
                recv,
                message.sent_us,
                message.trade_id,
                message.event_us,
                message.price,
                message.quantity,
                int(message.is_buyer_maker),
            )
        elif isinstance(message, wire.TakenQuote):
            self._quotes.add_single(
                line,
                self._code(message.symbol),
                recv,
                message.update_id,
                message.bid,
                message.bid_quantity,
                message.ask,
                message.ask_quantity,
            )
        else:
            self._dead.append(
                DeadLetter(line, message.reason, data, message.symbol, message.lost),
            )

    def _code(self, symbol: str) -> int:
        """Give the number that stands for a symbol in this block."""
        return self._symbols.setdefault(symbol, len(self._symbols))

    def _codes(self, names: _Names) -> Ints:
        """Give the number of each line's symbol; -1 in a line that is not good."""
        found = [-1 if name is None else self._code(name) for name in names.found]
        return np.array(found, dtype=np.int64)[names.codes]

    def _saw(self, line: int, recv: int) -> None:
        """Note when a line was received."""
        if self._first is None or line < self._first[0]:
            self._first = line, recv
        if self._last is None or line > self._last[0]:
            self._last = line, recv

    def _saw_all(self, lines: Ints, recv: Ints) -> None:
        """Note when ascending lines were received."""
        for k in (0, -1) if len(lines) else ():
            self._saw(int(lines[k]), int(recv[k]))

    def mark_torn(self, line: int) -> None:
        """Say of the file's last line, which has no newline, that it was cut off."""
        if self._dead and self._dead[-1].line == line:
            torn = self._dead[-1]
            self._dead[-1] = DeadLetter(line, "torn last line", torn.data)

    def frames(self) -> Frames:
        """Give what was read."""
        trades, quotes = self._trades.frame(), self._quotes.frame()
        symbols = pl.Series("symbol", list(self._symbols), dtype=pl.String())
        clock = pl.DataFrame(self._clock, schema=CLOCK_FRAME, orient="row")
        return Frames(
            trades=trades.select(
                _symbol(symbols),
                trade_id=as_whole("id"),
                ts_event=as_time("event"),
                price=as_decimal("price", PRICE),
                quantity=as_decimal("quantity", QUANTITY),
                is_buyer_maker=as_flag("maker"),
                ts_recv=as_time("recv"),
                quoted_value=pl.lit(None, dtype=QUANTITY),
                match_id=pl.lit(None, dtype=pl.String),
            ).match_to_schema(TRADE_FRAME),
            quotes=quotes.select(
                _symbol(symbols),
                update_id=as_whole("id"),
                ts_as_of=as_time("recv"),
                ts_recv=as_time("recv"),
                bid=as_decimal("bid", PRICE),
                bid_quantity=as_decimal("bid_quantity", QUANTITY),
                ask=as_decimal("ask", PRICE),
                ask_quantity=as_decimal("ask_quantity", QUANTITY),
            ).match_to_schema(QUOTE_FRAME),
            dead=tuple(self._dead),
            ignored=dict(self._ignored),
            notes=tuple(self._notes),
            clock=pl.concat(
                [
                    trades.select(
                        ts_recv_us=as_whole("recv"),
                        ts_sent_us=as_whole("sent"),
                    ),
                    clock,
                ],
            ),
            first_recv_us=self._first[1] if self._first else None,
            last_recv_us=self._last[1] if self._last else None,
            units=frozenset(self._units),
        )


def _symbol(symbols: pl.Series) -> pl.Expr:
    """Turn the numbers of symbols into their names."""
    return pl.lit(symbols).gather(pl.col("symbol").cast(pl.UInt32())).alias("symbol")
