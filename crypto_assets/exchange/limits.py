"""The exchange's limits, and who has used how much of them: decided by a clock that is given.

Source: the exchange's REST documentation, "IP Limits", and its stream documentation, "Websocket
Limits". The limits are per address.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_MINUTE_S = 60.0
_FIVE_MINUTES_S = 300.0
TOO_MANY, BANNED = 429, 418


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit, the exchange's own unless said otherwise; times are seconds."""

    weight_per_minute: int = 6_000
    futures_weight_per_minute: int = 2_400
    """Of the USD-margined futures."""
    bybit_requests_per_5s: int = 600
    """Of Bybit's REST interface."""
    patience: int = 20
    """Requests answered 429 in a row before the ban; the exchange does not say how many."""
    first_ban_s: float = 120.0
    longest_ban_s: float = 259_200.0
    messages_per_s: int = 5
    streams: int = 1_024
    connections_per_5min: int = 300
    ping_every_s: float = 20.0
    pong_within_s: float = 60.0
    pong_must_echo: bool = True
    """Whether an empty pong to a ping with a payload counts as none."""
    lifetime_s: float = 86_400.0
    backlog_bytes: int = 8 << 20
    """What may wait for one slow consumer before it is cut; the exchange does not say."""
    stall_s: float = 10.0
    """How long flat-out playing waits for the slowest consumer before it is cut."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A request that is answered."""

    used: int


@dataclass(frozen=True, slots=True)
class Denied:
    """A request that is not."""

    used: int
    status: int
    retry_after_s: int


class _Address:
    """What one address has done."""

    def __init__(self) -> None:
        self.minute = -1
        self.used = 0
        self.denied = 0
        self.bans = 0
        self.banned_until = 0.0


class Weights:
    """Request weight by address: 6,000 a minute, then 429, and for who goes on 418."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._addresses: dict[str, _Address] = {}

    def spend(self, address: str, weight: int, now: float) -> Allowed | Denied:
        """Count a request, ``now`` in seconds; a denied one costs its weight too.

        The window is the clock's minute. Bans double from the first to the longest.
        """
        found = self._addresses.setdefault(address, _Address())
        if now < found.banned_until:
            return Denied(found.used, BANNED, _ceil(found.banned_until - now))
        minute = int(now // _MINUTE_S)
        if minute != found.minute:
            found.minute, found.used, found.denied = minute, 0, 0
        found.used += weight
        if found.used <= self._limits.weight_per_minute:
            return Allowed(found.used)
        found.denied += 1
        if found.denied <= self._limits.patience:
            return Denied(found.used, TOO_MANY, _ceil((minute + 1) * _MINUTE_S - now))
        length = min(self._limits.first_ban_s * 2.0**found.bans, self._limits.longest_ban_s)
        found.bans, found.denied = found.bans + 1, 0
        found.banned_until = now + length
        return Denied(found.used, BANNED, _ceil(length))


class Rate:
    """How often something may happen within a sliding span of time."""

    def __init__(self, most: int, span_s: float) -> None:
        self._most = most
        self._span_s = span_s
        self._seen: deque[float] = deque()

    def exceeded(self, now: float) -> bool:
        """Count one more; whether that is too many."""
        while self._seen and self._seen[0] <= now - self._span_s:
            self._seen.popleft()
        self._seen.append(now)
        if len(self._seen) <= self._most:
            return False
        self._seen.popleft()
        return True

    @property
    def left(self) -> int:
        """How many more may happen right after the last one counted."""
        return self._most - len(self._seen)


class Attempts:
    """Connection attempts by address: 300 in five minutes."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.connections_per_5min
        self._rates: dict[str, Rate] = {}

    def exceeded(self, address: str, now: float) -> bool:
        """Count one more; whether that is too many."""
        rate = self._rates.setdefault(address, Rate(self._most, _FIVE_MINUTES_S))
        return rate.exceeded(now)


def _ceil(seconds: float) -> int:
    return max(int(-(-seconds // 1)), 1)
