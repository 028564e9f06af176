"""Bybit's stream, a block of a capture at a time.

Source: the exchange's API documentation V5, "Websocket Stream", sections Connect, Trade and Ticker.
A frame of trades holds all that one order matched, so it is taken whole or not at all.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import Literal

import msgspec
import polars as pl
from msgspec import UNSET, Raw, UnsetType

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.tables import PRICE, QUANTITY
from crypto_assets.venues import opaque
from crypto_assets.venues.columns import Columns, as_decimal, as_flag, as_time, as_whole
from crypto_assets.venues.values import (
    PRICE_DIGITS,
    QUANTITY_DIGITS,
    decimal,
    split_line,
    time_us,
)
from crypto_assets.venues.venue import (
    CLOCK_FRAME,
    QUOTE_FRAME,
    TRADE_FRAME,
    DeadLetter,
    Frames,
    Note,
)

TRADES_TOPIC = "publicTrade"
_UUID = re.compile(opaque.UUID)
_MISSING = re.compile(r"missing required field `(\w+)`")
# Topics of linear contracts that carry no trades.
_IGNORED = frozenset(
    {
        "adlAlert",
        "allLiquidation",
        "insurance",
        "kline",
        "liquidation",
        "orderbook",
        "priceLimit",
        "tickers",
    },
)
_COLUMNS = ("symbol", "name", "recv", "event", "price", "quantity", "maker")


class _Envelope(msgspec.Struct):
    """Any message: one of a topic, or an answer to a command."""

    topic: str | UnsetType = UNSET
    ts: int | UnsetType = UNSET  # when the exchange made it, in ms
    data: Raw | UnsetType = UNSET
    op: str | UnsetType = UNSET  # the command an answer is to
    success: bool | UnsetType = UNSET
    ret_msg: str | UnsetType = UNSET
    collector: Raw | UnsetType = UNSET  # what this package's collector notes in its recording


class _Trade(msgspec.Struct):
    """One match in a frame of ``publicTrade.<symbol>``."""

    T: int  # when it was matched, in ms
    s: str  # symbol
    S: Literal["Buy", "Sell"]  # the taker's side
    v: str  # quantity
    p: str  # price
    i: str  # the match's UUID


_envelope = msgspec.json.Decoder(_Envelope)
_trades = msgspec.json.Decoder(list[_Trade])


def decode_frames(data: bytes, first_line: int, *, last: bool) -> Frames:
    """Decode whole lines of a capture; see :meth:`Venue.decode_frames`.

    A line is a local time, of 16 digits in microseconds or 19 in nanoseconds, and a message.
    """
    block = _Block()
    lines = data.split(b"\n")
    is_torn = last and bool(lines[-1])
    for number, line in enumerate(lines, first_line):
        if line and not line.isspace():
            block.read(number, line)
    if is_torn:
        block.mark_torn(first_line + len(lines) - 1)
    return block.frames()


class _Refused(Exception):
    """A message cannot be used."""

    def __init__(self, reason: str, symbol: str | None = None, *, lost: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.symbol = symbol
        self.lost = lost


class _Block:
    """What is known of a block so far."""

    def __init__(self) -> None:
        self._symbols: dict[str, int] = {}
        self._names: list[str] = []
        self._trades = Columns(_COLUMNS)
        self._dead: list[DeadLetter] = []
        self._ignored: Counter[str] = Counter()
        self._notes: list[Note] = []
        self._clock: list[tuple[int, int]] = []
        self._first_recv: int | None = None
        self._last_recv: int | None = None

    def read(self, line: int, data: bytes) -> None:
        """Read one line."""
        split = split_line(data)
        if split is None:
            self._dead.append(DeadLetter(line, "no receive time", data))
            return
        recv, payload = split
        self._first_recv = recv if self._first_recv is None else self._first_recv
        self._last_recv = recv
        try:
            self._read_message(line, recv, payload)
        except _Refused as why:
            self._dead.append(DeadLetter(line, why.reason, data, why.symbol, why.lost))

    def _read_message(self, line: int, recv: int, payload: bytes) -> None:
        envelope = _opened(payload)
        if envelope.collector is not UNSET:
            self._ignored["collector"] += 1
            self._notes.append(Note(recv, payload))
        elif envelope.topic is UNSET:
            self._ignored[_answer(envelope)] += 1
        else:
            kind, _, symbol = envelope.topic.partition(".")
            if kind == TRADES_TOPIC:
                self._take(line, recv, symbol, envelope)
            elif kind in _IGNORED:
                self._ignored[kind] += 1
            else:
                raise _Refused(f"unknown topic {envelope.topic[:80]!r}", lost=False)
            self._heard(recv, envelope.ts)

    def _heard(self, recv: int, sent: int | UnsetType) -> None:
        read = None if sent is UNSET else time_us(sent)
        if read is not None:
            self._clock.append((recv, read[0]))

    def _take(self, line: int, recv: int, symbol: str, envelope: _Envelope) -> None:
        """Take every trade of a frame, or none."""
        rows = _read_trades(symbol, envelope.data)
        code = self._symbols.setdefault(symbol, len(self._symbols))
        for name, *values in rows:
            self._trades.add_single(line, code, len(self._names), recv, *values)
            self._names.append(name)

    def mark_torn(self, line: int) -> None:
        """Say of the file's last line, which has no newline, that it was cut off."""
        if self._dead and self._dead[-1].line == line:
            torn = self._dead[-1]
            self._dead[-1] = DeadLetter(line, "torn last line", torn.data)

    def frames(self) -> Frames:
        """Give what was read."""
        trades = self._trades.frame()
        symbols = pl.Series("symbol", list(self._symbols), dtype=pl.String())
        names = pl.Series("match_id", self._names, dtype=pl.String())
        # Trades were added in the order of their names.
        named = trades.with_columns(names.alias("match_id"))
        return Frames(
            trades=named.select(
                symbols.gather(named["symbol"].cast(pl.UInt32())).alias("symbol"),
                trade_id=opaque.trade_id(as_whole("event"), pl.col("match_id")),
                ts_event=as_time("event"),
                price=as_decimal("price", PRICE),
                quantity=as_decimal("quantity", QUANTITY),
                is_buyer_maker=as_flag("maker"),
                ts_recv=as_time("recv"),
                quoted_value=pl.lit(None, dtype=QUANTITY),
                match_id="match_id",
            ).match_to_schema(TRADE_FRAME),
            quotes=QUOTE_FRAME.to_frame(),
            dead=tuple(self._dead),
            ignored=dict(self._ignored),
            notes=tuple(self._notes),
            clock=pl.DataFrame(self._clock, schema=CLOCK_FRAME, orient="row"),
            first_recv_us=self._first_recv,
            last_recv_us=self._last_recv,
            units=frozenset({"ms"} if self._names else ()),
        )


def _opened(payload: bytes) -> _Envelope:
    """Read the outermost object."""
    try:
        return _envelope.decode(payload)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Refused("not JSON") from None
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Refused("not JSON") from None
    # A frame of trades whose other fields are broken still says so.
    raise _Refused("message of another shape", lost=TRADES_TOPIC.encode() in payload)


def _answer(envelope: _Envelope) -> str:
    """Say what an answer to a command is: ``ack`` or ``pong``."""
    if envelope.op in ("ping", "pong") or envelope.ret_msg == "pong":
        return "pong"
    if envelope.op in ("subscribe", "unsubscribe"):
        if envelope.success is not True:
            said = "" if envelope.ret_msg is UNSET else envelope.ret_msg[:200]
            raise _Refused(f"{envelope.op} was refused: {said!r}", lost=False)
        return "ack"
    # A payload whose topic's name is gone may be anything.
    raise _Refused("message without a topic", lost=envelope.data is not UNSET)


@functools.lru_cache(maxsize=8192)
def _is_symbol(text: str) -> bool:
    try:
        Instrument("bybit", text)
    except InvalidName:
        return False
    return True


def _read_trades(symbol: str, data: Raw | UnsetType) -> list[tuple[str, int, int, int, int]]:
    """Read the trades of a frame as UUID, microseconds, price, quantity, and 1 where sold."""
    if not _is_symbol(symbol):
        raise _Refused(f"topic of no symbol: {symbol[:40]!r}")
    if data is UNSET:
        raise _Refused("trades without data", symbol)
    try:
        found = [_read_trade(symbol, trade) for trade in _trades.decode(data)]
    except (ValueError, RecursionError) as error:
        missing = _MISSING.search(str(error))
        reason = f"trade without {missing[1]}" if missing else str(error)
        raise _Refused(reason, symbol) from None
    if not found:
        raise _Refused("trades without a trade", symbol)
    return found


def _read_trade(symbol: str, trade: _Trade) -> tuple[str, int, int, int, int]:
    if trade.s != symbol:
        raise ValueError(f"topic of {symbol} carries symbol {trade.s[:40]!r}")
    if not _UUID.fullmatch(trade.i):
        raise ValueError(f"trade id is not a UUID: {trade.i[:40]!r}")
    if not 10**12 <= trade.T <= opaque.LAST_MS:
        raise ValueError(f"trade with time T {trade.T}")
    return (
        trade.i,
        trade.T * 1_000,
        decimal(trade.p, "price", PRICE_DIGITS),
        decimal(trade.v, "quantity", QUANTITY_DIGITS),
        int(trade.S == "Sell"),
    )
