"""One websocket connection as the exchange sees it: what it listens to, and when it must go.

Source: the exchange's "WebSocket Streams for Binance": stream names, live subscribing, error
messages, ping and pong, the limits of a connection. Nothing here touches a socket or a clock.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, UnsetType

from crypto_assets.exchange import wire
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.limits import Limits, Rate

_STREAM = re.compile(r"(?P<symbol>[^@!]+)@(?P<kind>.+)")
_METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
_ID_LENGTH = 36
KLINE = "kline_"
_KINDS = {"trade", "aggTrade", "bookTicker", *(f"{KLINE}{name}" for name in INTERVALS)}

POLICY, GOING_AWAY = 1008, 1001


@dataclass(frozen=True, slots=True)
class Topic:
    """What a stream carries: ``trade``, ``aggTrade``, ``bookTicker`` or ``kline_<interval>``."""

    symbol: str
    kind: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a connection: a close frame, or none where ``code`` is."""

    code: int | None
    reason: str


class _Command(msgspec.Struct):
    method: str | UnsetType = UNSET
    params: list[str | bool] | UnsetType = UNSET
    id: int | str | UnsetType | None = UNSET


_decoder = msgspec.json.Decoder(_Command)


@functools.lru_cache(maxsize=8192)
def topic(stream: str) -> Topic | None:
    """Read a stream's name; None for one that carries nothing here.

    The exchange takes any name and sends nothing on one it does not know. Depth is not known here.
    """
    found = _STREAM.fullmatch(stream)
    if found is None or found["symbol"] != found["symbol"].lower():
        return None
    kind = found["kind"]
    if kind not in _KINDS:
        return None
    return Topic(found["symbol"].upper(), kind)


def time_unit(text: str | None) -> str:
    """Read ``timeUnit`` of the address.

    Raises:
        ValueError: it is neither.

    """
    units = {None: wire.MS, "MILLISECOND": wire.MS, "MICROSECOND": wire.US}
    try:
        return units[text.upper() if text else None]
    except KeyError:
        raise ValueError(
            "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
        ) from None


class Session:
    """One connection; times are seconds of one clock."""

    def __init__(
        self,
        streams: Iterable[str],
        limits: Limits,
        now: float,
        *,
        combined: bool,
        unit: str,
    ) -> None:
        """Start listening to the streams of the address, of which there may be none.

        Raises:
            ValueError: they are too many.

        """
        # A dict keeps the order of subscribing, as LIST_SUBSCRIPTIONS tells it.
        self.streams = dict.fromkeys(streams)
        self.combined = combined
        self.unit = unit
        self._limits = limits
        self._opened = now
        self._rate = Rate(limits.messages_per_s, 1.0)
        self._next_ping = now + limits.ping_every_s
        self._unanswered: dict[bytes, float] = {}
        if len(self.streams) > limits.streams:
            raise ValueError(f"expected at most {limits.streams} streams")

    def count_message(self, now: float) -> Cut | None:
        """Count a ping, a pong or a command."""
        if self._rate.exceeded(now):
            return Cut(POLICY, "Too many requests")
        return None

    def pong(self, payload: bytes) -> None:
        """Take a pong; only a copy of a ping's payload answers it and the pings before it."""
        if not self._limits.pong_must_echo and self._unanswered:
            self._unanswered.clear()
        answered = self._unanswered.get(payload)
        if answered is not None:
            self._unanswered = {
                other: at for other, at in self._unanswered.items() if at > answered
            }

    def overdue(self, now: float) -> Cut | None:
        """Say whether the connection's time is up, or a pong is missing for too long."""
        if now - self._opened >= self._limits.lifetime_s:
            return Cut(GOING_AWAY, "24 hours are over")
        if any(now - at >= self._limits.pong_within_s for at in self._unanswered.values()):
            return Cut(POLICY, "Pong timeout")
        return None

    def ping(self, now: float) -> bytes | None:
        """Give the payload of a ping that is due."""
        if now < self._next_ping:
            return None
        self._next_ping = now + self._limits.ping_every_s
        payload = b"%d" % int(now * 1_000_000)
        self._unanswered[payload] = now
        return payload

    def command(self, text: str) -> bytes:
        """Obey a command; gives the answer, without its frame."""
        try:
            sent = _decoder.decode(text)
        except msgspec.ValidationError as error:
            return _error(2, f"Invalid request: {error}", UNSET)
        except (msgspec.DecodeError, RecursionError):
            return _error(3, "Invalid JSON: expected value at line 1 column 1", UNSET)
        if sent.method is UNSET:
            return _error(2, "Invalid request: missing field `method` at line 1 column 1", sent.id)
        if sent.id is UNSET or (isinstance(sent.id, str) and len(sent.id) > _ID_LENGTH):
            return _error(2, "Invalid request: request ID must be an unsigned integer", UNSET)
        params = [] if sent.params is UNSET else sent.params
        return self._obey(sent.method, params, sent.id)

    def _obey(self, method: str, params: list[str | bool], asked: int | str | None) -> bytes:
        names = [name for name in params if isinstance(name, str)]
        match method:
            case "SUBSCRIBE":
                wanted = {**self.streams, **dict.fromkeys(names)}
                if len(wanted) > self._limits.streams:
                    return _error(2, "Invalid request: too many streams", asked)
                self.streams = wanted
                return _result(None, asked)
            case "UNSUBSCRIBE":
                for name in names:
                    self.streams.pop(name, None)
                return _result(None, asked)
            case "LIST_SUBSCRIPTIONS":
                return _result(list(self.streams), asked)
            case "SET_PROPERTY" | "GET_PROPERTY":
                return self._property(method, params, asked)
        unknown = f"Invalid request: unknown variant `{method}`, expected one of {_METHODS}"
        return _error(2, unknown, asked)

    def _property(self, method: str, params: list[str | bool], asked: int | str | None) -> bytes:
        match (method, params):
            case ("GET_PROPERTY", ["combined"]):
                return _result(self.combined, asked)
            case ("SET_PROPERTY", ["combined", bool(value)]):
                self.combined = value
                return _result(None, asked)
            case ("SET_PROPERTY", ["combined", *_]):
                return _error(1, "Invalid value type: expected Boolean", asked)
        return _error(0, "Unknown property", asked)


def shutdown_notice(now_us: int, *, combined: bool, unit: str) -> bytes:
    """Frame the event ``serverShutdown``."""
    at = now_us if unit == wire.US else now_us // 1_000
    notice = b'{"e":"serverShutdown","E":%d}' % at
    return wire.wrapped(notice, "!serverShutdown" if combined else None)


def _result(value: object, asked: int | str | None) -> bytes:
    return msgspec.json.encode({"result": value, "id": asked})


def _error(code: int, message: str, asked: int | str | UnsetType | None) -> bytes:
    said = {"code": code, "msg": message}
    return msgspec.json.encode(said if asked is UNSET else {**said, "id": asked})
