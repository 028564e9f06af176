"""Bybit's linear contracts, as a listener must know them.

Source: the exchange's API documentation V5, "Websocket Stream", section Connect (hosts, commands,
heartbeat, limits) and "Get Bybit Server Time". A connection is opened first and then told what to
send; one that says nothing for a while is ended by the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.sources.feed import Feed, Glance

_KIND = re.compile(r"[a-zA-Z]+(\.\w+)?", re.ASCII)
_TOPICS = {"trade": "publicTrade", "bookTicker": "orderbook.1"}
"""The words every venue has for its trades and for its top of book."""
_ARGUMENTS = 50
"""Topics in one command; what a connection may ask for in all is 21,000 characters."""


class _Row(msgspec.Struct):
    """A trade in a frame."""

    seq: int | None = None  # the exchange's own count of what happened to the symbol


class _Clock(msgspec.Struct):
    timeNano: str  # noqa: N815 - the wire's name


class _Time(msgspec.Struct):
    """The answer of ``/v5/market/time``."""

    result: _Clock


class _Frame(msgspec.Struct):
    """A frame of a topic."""

    topic: str
    ts: int | None = None  # when the exchange made it, in ms
    data: msgspec.Raw = msgspec.Raw(b"[]")


_time = msgspec.json.Decoder(_Time)
_frame = msgspec.json.Decoder(_Frame)
_rows = msgspec.json.Decoder(list[_Row])


@dataclass(frozen=True, slots=True)
class Bybit:
    """Bybit's linear contracts, as :class:`~crypto_assets.sources.feed.Feed` says."""

    name: str = "bybit"
    ws_url: str = "wss://stream.bybit.com"
    http_url: str = "https://api.bybit.com"
    time_path: str = "/v5/market/time"
    streams_per_connection: int = 500
    attempts: tuple[int, float] = (250, 300.0)
    """Half of what one address may, so that two collectors can run side by side."""
    keep_alive: tuple[float, bytes] | None = (20.0, b'{"op":"ping"}')

    def streams(self, symbols: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
        """Name ``<topic>.<symbol>``, each once, in the order given.

        ``trade`` is ``publicTrade``, ``bookTicker`` the order book's first level.
        """
        wanted = [_TOPICS.get(kind, kind) for kind in kinds]
        for kind in wanted:
            if not _KIND.fullmatch(kind):
                raise InvalidName(
                    f"stream kind {kind!r}: expected one such as trade, tickers or orderbook.50",
                )
        names = (
            f"{kind}.{Instrument(self.name, symbol).symbol}"
            for symbol in symbols
            for kind in wanted
        )
        return tuple(dict.fromkeys(names))

    def address(self, base: str, streams: Sequence[str]) -> str:  # noqa: ARG002 - asked for later
        """Give the address of linear contracts; it names no topic."""
        return f"{base.rstrip('/')}/v5/public/linear"

    def greetings(self, streams: Sequence[str]) -> tuple[bytes, ...]:
        """Subscribe to the topics, some in each command."""
        return tuple(
            msgspec.json.encode({"op": "subscribe", "args": streams[at : at + _ARGUMENTS]})
            for at in range(0, len(streams), _ARGUMENTS)
        )

    def key(self, frame: bytes) -> bytes:
        """Cut off ``{"topic":"publicTrade.BTCUSDT"``."""
        return frame[: frame.find(b",")]

    def key_of(self, stream: str) -> bytes:
        """Say how the frames of a topic begin."""
        return b'{"topic":%b' % msgspec.json.encode(stream)

    def announces_end(self, frame: bytes) -> bool:  # noqa: ARG002 - it never does
        """Say no: the exchange ends connections without a word."""
        return False

    def glance(self, frame: bytes) -> Glance | None:
        """Read topic, time of sending and, of trades, the last one's sequence number."""
        try:
            found = _frame.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        sent = None if found.ts is None else found.ts * 1_000
        return Glance(found.topic, _last_sequence(found.data), sent)

    def server_time_us(self, answer: bytes) -> int:
        """Read ``{"result":{"timeNano":"..."}}``."""
        return int(_time.decode(answer).result.timeNano) // 1_000


def _last_sequence(data: msgspec.Raw) -> int | None:
    try:
        rows = _rows.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return rows[-1].seq if rows else None


BYBIT: Feed = Bybit()
