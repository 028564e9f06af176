"""A trade on its way through a broker: what it is called there, and what a broker must do.

A message's id is ``venue/symbol/trade_id``, or ``venue/symbol/match_id`` where the venue names
trades by UUIDs: the same trade has the same id whoever publishes it however often. A broker that
keeps the ids of a while drops repeats itself; whoever writes the trades drops the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.tables import TRADES

STREAM_FRAME = pl.Schema({"venue": pl.String(), "symbol": pl.String(), **TRADES.schema})
"""Trades of any venues and symbols: the columns of the table ``trade_stream``."""
STREAM_KEY = ("venue", "symbol", "trade_id", "match_id")
"""What names one of them: of two rows that are equal in these, one is a repeat."""
TABLE = "trade_stream"

_PLAIN = re.compile(r"[A-Z0-9]+")
_TOKEN = re.compile(r"(?:[A-Z0-9]|_[0-9A-F]{2})+")
_ESCAPED = re.compile(r"_([0-9A-F]{2})")


class Message(msgspec.Struct, frozen=True, gc=False):
    """One trade as a broker is given it."""

    id: str
    venue: str
    token: str
    """The symbol as :func:`token_of` writes it."""
    payload: bytes

    @property
    def key(self) -> str:
        """``venue/symbol``: messages of one key stay in order."""
        return f"{self.venue}/{self.token}"

    def subject(self, prefix: str) -> str:
        """Say where a broker with subjects keeps it: ``prefix.venue.symbol``."""
        return f"{prefix}.{self.venue}.{self.token}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a broker gives it, to be acknowledged."""

    id: str | None
    """What the publisher called it, where it did."""
    payload: bytes
    handle: object
    """What the broker knows the delivery by."""


class Broker(Protocol):
    """Where trades are published; repeats of an id it still remembers are not kept twice."""

    @property
    def name(self) -> str:
        """Which broker and stream, in letters, digits and ``. _ -``."""
        ...

    def publish(self, messages: Sequence[Message]) -> int:
        """Publish messages in order; every one is stored by the broker when it returns.

        While the broker has no room it waits: nothing is dropped.

        Returns:
            How many of them the broker had already.

        Raises:
            StreamLost: the broker could not be reached for long, or has no room for long. Any of
                the messages may have been stored.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Subscription(Protocol):
    """Where messages are taken from: each comes again until it is acknowledged."""

    def pull(self, most: int, seconds: float) -> list[Delivery]:
        """Take at most so many messages, and wait at most so long for them.

        Raises:
            StreamLost: the broker could not be reached.
        """
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that messages are done with: they do not come again."""
        ...

    def nack(self, deliveries: Sequence[Delivery]) -> None:
        """Have messages delivered again."""
        ...

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """Say that messages can never be read: they do not come again."""
        ...

    def close(self) -> None:
        """Let go of the connection; what is not acknowledged comes again to another."""
        ...


class TradeSink(Protocol):
    """A table that holds each trade once, however often it is given."""

    def append(self, rows: pl.DataFrame) -> int:
        """Write the rows whose (venue, symbol, trade_id, match_id) are not there yet.

        Args:
            rows: the columns of :data:`STREAM_FRAME`; the same trade may come several times.

        Returns:
            How many were new. They are durable.

        Raises:
            Transient: nothing was written, and the same call may succeed later.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def token_of(symbol: str) -> str:
    """Write a symbol in ``A-Z 0-9 _``, so that no broker finds a separator or a wildcard in it.

    Every byte of its UTF-8 that is no upper-case letter or digit of ASCII becomes ``_XX``.
    """
    if _PLAIN.fullmatch(symbol):
        return symbol
    return "".join(
        chr(byte) if _PLAIN.fullmatch(chr(byte)) else f"_{byte:02X}" for byte in symbol.encode()
    )


def symbol_of(token: str) -> str:
    """Read what :func:`token_of` wrote.

    Raises:
        InvalidName: it wrote no such thing.
    """
    if not _TOKEN.fullmatch(token):
        raise InvalidName(f"symbol {token!r}: expected A-Z, 0-9 and _XX")
    try:
        found = _ESCAPED.sub(lambda one: chr(int(one[1], 16)), token).encode("latin-1").decode()
    except UnicodeDecodeError:
        raise InvalidName(f"symbol {token!r}: expected the bytes of UTF-8 as _XX") from None
    if token_of(found) != token:
        raise InvalidName(f"symbol {token!r}: expected {token_of(found)!r}")
    return found


def id_of(instrument: Instrument, trade_id: int, match_id: str | None) -> str:
    """Name a trade; the same whoever publishes it."""
    return f"{instrument.venue}/{token_of(instrument.symbol)}/{match_id or trade_id}"
