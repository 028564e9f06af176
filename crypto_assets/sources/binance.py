"""Binance spot, as a listener must know it.

Source: the exchange's "WebSocket Streams for Binance", section general information, and "Market
data only URLs": the hosts below serve market data and nothing else, without a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.sources.feed import Feed, Glance

_KIND = re.compile(r"[a-zA-Z]\w*(@\w+)?", re.ASCII)
_MS_DIGITS, _US_DIGITS = 13, 16


class _Payload(msgspec.Struct):
    """What payloads of trades, top of book, depth and klines may say of themselves."""

    E: int | None = None  # event time: when the exchange sent it
    t: int | None = None  # trade id
    a: int | list[list[str]] | str | None = None  # aggregate trade id, or asks
    u: int | None = None  # update id


class _Frame(msgspec.Struct):
    """A frame of a combined stream."""

    stream: str
    data: _Payload


class _Event(msgspec.Struct):
    """A frame of a combined stream, or one outside any."""

    e: str | None = None
    data: _Event | None = None


class _Time(msgspec.Struct):
    """The answer of ``/api/v3/time``."""

    serverTime: int  # noqa: N815 - the wire's name


_frame = msgspec.json.Decoder(_Frame)
_event = msgspec.json.Decoder(_Event)
_time = msgspec.json.Decoder(_Time)


@dataclass(frozen=True, slots=True)
class Binance:
    """Binance spot, as :class:`~crypto_assets.sources.feed.Feed` says."""

    name: str = "binance"
    ws_url: str = "wss://data-stream.binance.vision"
    http_url: str = "https://data-api.binance.vision"
    time_path: str = "/api/v3/time"
    streams_per_connection: int = 1024
    attempts: tuple[int, float] = (150, 300.0)
    """Half of what one address may, so that two collectors can run side by side."""
    keep_alive: tuple[float, bytes] | None = None
    """It pings by itself, and the library answers."""

    def streams(self, symbols: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
        """Name ``<symbol in lower case>@<kind>``, each once, in the order given."""
        wanted = list(kinds)
        for kind in wanted:
            if not _KIND.fullmatch(kind):
                raise InvalidName(
                    f"stream kind {kind!r}: expected one such as trade, bookTicker or depth@100ms",
                )
        names = (
            f"{Instrument(self.name, symbol).symbol.lower()}@{kind}"
            for symbol in symbols
            for kind in wanted
        )
        return tuple(dict.fromkeys(names))

    def address(self, base: str, streams: Sequence[str]) -> str:
        """Give a combined stream's address; names are percent-encoded, times in microseconds."""
        names = "/".join(quote(name, safe="@") for name in streams)
        return f"{base.rstrip('/')}/stream?streams={names}&timeUnit=MICROSECOND"

    def greetings(self, streams: Sequence[str]) -> tuple[bytes, ...]:  # noqa: ARG002 - see below
        """Say nothing: the address names the streams."""
        return ()

    def key(self, frame: bytes) -> bytes:
        """Cut off ``{"stream":"btcusdt@trade"``."""
        return frame[: frame.find(b",")]

    def key_of(self, stream: str) -> bytes:
        """Say how the frames of a stream begin."""
        return b'{"stream":%b' % msgspec.json.encode(stream)

    def announces_end(self, frame: bytes) -> bool:
        """Whether it is ``{"e":"serverShutdown","E":...}``, in a combined stream or outside."""
        if b"serverShutdown" not in frame:
            return False
        try:
            event = _event.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        return "serverShutdown" in (event.e, event.data.e if event.data else None)

    def glance(self, frame: bytes) -> Glance | None:
        """Read stream, trade or update id, and ``E`` where the payload has it."""
        try:
            found = _frame.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        data = found.data
        ids = (data.t, data.a if isinstance(data.a, int) else None, data.u)
        sent = None if data.E is None else _as_us(data.E)
        return Glance(found.stream, next((i for i in ids if i is not None), None), sent)

    def server_time_us(self, answer: bytes) -> int:
        """Read ``{"serverTime":...}``, milliseconds or microseconds by magnitude."""
        found = _time.decode(answer).serverTime
        read = _as_us(found)
        if read is None:
            raise ValueError(f"expected a time of 13 or 16 digits, found {found}")
        return read


def _as_us(number: int) -> int | None:
    digits = len(str(number))
    if digits == _MS_DIGITS:
        return number * 1000
    return number if digits == _US_DIGITS else None


BINANCE: Feed = Binance()
