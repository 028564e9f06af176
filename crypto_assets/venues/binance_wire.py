"""Binance's stream, one message at a time: whatever the fast path did not recognise comes here.

Source: the exchange's "WebSocket Streams for Binance", sections on combined streams, trade,
bookTicker and time units. A capture's line is the recorder's local time, a space and the message.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.venues.values import PRICE_DIGITS, QUANTITY_DIGITS, decimal, time_us

_KIND = re.compile(r"!?([A-Za-z]+)")
_MISSING = re.compile(r"missing required field `(\w+)`")
_INT64 = 2**63

# Streams that carry neither trades nor top of book, and events that come without a stream.
_IGNORED = frozenset(
    {
        "aggTrade",
        "avgPrice",
        "blockTrade",
        "depth",
        "kline",
        "miniTicker",
        "serverShutdown",
        "ticker",
    },
)
_IGNORED_EVENTS = {
    "24hrMiniTicker": "miniTicker",
    "24hrTicker": "ticker",
    "aggTrade": "aggTrade",
    "avgPrice": "avgPrice",
    "depthUpdate": "depth",
    "kline": "kline",
    "serverShutdown": "serverShutdown",
}


class Envelope(msgspec.Struct):
    """Any message: one of a combined stream, or the few that come without a stream."""

    stream: str | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    e: str | UnsetType = UNSET  # event type, of a message outside a combined stream
    result: Raw | UnsetType = UNSET  # of the answer to a SUBSCRIBE
    id: Raw | UnsetType = UNSET  # the request's
    lastUpdateId: Raw | UnsetType = UNSET  # of a depth snapshot  # noqa: N815
    collector: Raw | UnsetType = UNSET  # what this package's collector notes in its recording


class Trade(msgspec.Struct):
    """The payload of ``<symbol>@trade``."""

    e: str  # event type, "trade"
    E: int  # event time: when the exchange sent it
    s: str  # symbol
    t: int  # trade id
    p: str  # price
    q: str  # quantity
    T: int  # trade time: when it was matched
    m: bool  # is the buyer the maker?


class BookTicker(msgspec.Struct):
    """The payload of ``<symbol>@bookTicker``; on spot it has no time."""

    u: int  # order book update id
    s: str  # symbol
    b: str  # best bid price
    B: str  # best bid quantity
    a: str  # best ask price
    A: str  # best ask quantity


class Sent(msgspec.Struct):
    """What any other payload may say of itself."""

    e: str | UnsetType = UNSET  # event type
    E: int | UnsetType = UNSET  # event time


@dataclass(frozen=True, slots=True)
class TakenTrade:
    """A trade as values: microseconds, and decimals in units of 1e-8."""

    symbol: str
    trade_id: int
    event_us: int
    price: int
    quantity: int
    is_buyer_maker: bool
    sent_us: int
    unit: str


@dataclass(frozen=True, slots=True)
class TakenQuote:
    """A top of book as values, decimals in units of 1e-8."""

    symbol: str
    update_id: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is known and not taken."""

    kind: str
    sent_us: int | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What this package's collector noted in its recording."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that cannot be used, and why."""

    reason: str
    symbol: str | None = None
    lost: bool = True


Message = TakenTrade | TakenQuote | Ignored | Noted | Refused

_envelope = msgspec.json.Decoder(Envelope)
_trade = msgspec.json.Decoder(Trade)
_book_ticker = msgspec.json.Decoder(BookTicker)
_sent = msgspec.json.Decoder(Sent)


@functools.lru_cache(maxsize=8192)
def agreed_symbol(stream: str | None, kind: str, symbol: str) -> str:
    """Check that a payload's symbol is one, and the one its stream is named after.

    Raises:
        ValueError: it is not.

    """
    try:
        Instrument("binance", symbol)
    except InvalidName as error:
        raise ValueError(str(error)) from None
    if stream is not None and unquote(stream) != f"{symbol.lower()}@{kind}":
        raise ValueError(f"stream {stream[:80]!r} carries symbol {symbol!r}")
    return symbol


def read_message(payload: bytes) -> Message:  # noqa: C901, PLR0911 - one return a kind of message
    """Read one message, without its receive time; never raises on bad bytes."""
    try:
        envelope = _envelope.decode(payload)
    except msgspec.ValidationError:
        return _unlike_an_envelope(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused("not JSON")
    if isinstance(envelope.stream, str):
        if not isinstance(envelope.data, Raw):
            return Refused(f"stream {envelope.stream[:80]!r} without data", _whose(envelope.stream))
        return _streamed(envelope.stream, envelope.data)
    if isinstance(envelope.e, str):
        if envelope.e == "trade":
            return _read_trade(None, payload)
        if envelope.e in _IGNORED_EVENTS:
            return Ignored(_IGNORED_EVENTS[envelope.e])
        return Refused(f"unknown event {envelope.e[:80]!r}", lost=False)
    if envelope.collector is not UNSET:
        return Noted()
    if envelope.lastUpdateId is not UNSET:
        return Ignored("snapshot")
    if envelope.result is not UNSET and envelope.id is not UNSET:
        return Ignored("ack")
    # A payload whose stream's name is gone may be anything.
    return Refused("message without a stream", lost=envelope.data is not UNSET)


def _unlike_an_envelope(payload: bytes) -> Refused:
    """Tell valid JSON of another shape from a line that is broken further on."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused("not JSON")
    return Refused("message without a stream", lost=False)


@functools.lru_cache(maxsize=8192)
def _kind_of(stream: str) -> str | None:
    """Say what kind of stream a name is of; None for one that is not known."""
    named, _, rest = unquote(stream).partition("@")
    if rest in ("trade", "bookTicker"):
        return rest
    kind = _KIND.match(named if named.startswith("!") else rest)
    return kind[1] if kind and kind[1] in _IGNORED else None


def _streamed(stream: str, data: Raw) -> Message:
    """Read a message of a combined stream."""
    kind = _kind_of(stream)
    if kind == "trade":
        return _read_trade(stream, data)
    if kind == "bookTicker":
        return _read_book_ticker(stream, data)
    try:
        sent = _sent.decode(data)
    except msgspec.ValidationError:
        sent = Sent()  # a list, as of "!ticker@arr"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused("not JSON")
    if sent.e == "trade":
        return Refused(f"stream {stream[:80]!r} carries a trade", _whose(stream))
    if kind is None:
        return Refused(f"unknown stream {stream[:80]!r}", _whose(stream), lost=False)
    # Only depth updates come often and early enough to tell the recorder's clock by.
    timed = time_us(sent.E) if kind == "depth" and isinstance(sent.E, int) else None
    return Ignored(kind, timed[0] if timed else None)


def _read_trade(stream: str | None, data: bytes | Raw) -> Message:
    """Read the payload of a trade."""
    try:
        wire = _trade.decode(data)
        if wire.e != "trade":
            raise ValueError(f"trade with event {wire.e[:40]!r}")
        sent, matched = time_us(wire.E), time_us(wire.T)
        if sent is None or matched is None:
            raise ValueError(f"trade with time E {wire.E}, T {wire.T}")
        if not 0 <= wire.t < _INT64:
            raise ValueError(f"trade with id {wire.t}")
        return TakenTrade(
            symbol=agreed_symbol(stream, "trade", wire.s),
            trade_id=wire.t,
            event_us=matched[0],
            price=decimal(wire.p, "price", PRICE_DIGITS),
            quantity=decimal(wire.q, "quantity", QUANTITY_DIGITS),
            is_buyer_maker=wire.m,
            sent_us=sent[0],
            unit=matched[1],
        )
    except (ValueError, RecursionError) as error:
        return Refused(_why("trade", error), _whose(stream))


def _read_book_ticker(stream: str, data: Raw) -> Message:
    """Read the payload of a top of book; an empty side is price and quantity zero."""
    try:
        wire = _book_ticker.decode(data)
        if not 0 <= wire.u < _INT64:
            raise ValueError(f"bookTicker with update id {wire.u}")
        return TakenQuote(
            symbol=agreed_symbol(stream, "bookTicker", wire.s),
            update_id=wire.u,
            bid=decimal(wire.b, "bid", PRICE_DIGITS, zero=True),
            bid_quantity=decimal(wire.B, "bid quantity", QUANTITY_DIGITS, zero=True),
            ask=decimal(wire.a, "ask", PRICE_DIGITS, zero=True),
            ask_quantity=decimal(wire.A, "ask quantity", QUANTITY_DIGITS, zero=True),
        )
    except (ValueError, RecursionError) as error:
        return Refused(_why("bookTicker", error), _whose(stream))


def _why(kind: str, error: Exception) -> str:
    """Say what is wrong in the words of the wire."""
    missing = _MISSING.search(str(error))
    if missing:
        return f"{kind} without {missing[1]}"
    return f"{kind}: {error}" if isinstance(error, msgspec.MsgspecError) else str(error)


def _whose(stream: str | None) -> str | None:
    """Name the symbol a stream is of."""
    named = unquote(stream or "").partition("@")[0]
    return None if named.startswith("!") else named.upper() or None
