"""How many connections may be tried in a span of time."""

from __future__ import annotations

from collections import deque


class Attempts:
    """The last attempts, of which there may be ``limit`` in any ``seconds``."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._booked: deque[float] = deque(maxlen=limit)

    def book(self, now: float) -> float:
        """Book the next attempt; give the seconds to wait before it is made."""
        first = self._booked[0] if len(self._booked) == self._booked.maxlen else None
        at = now if first is None else max(now, first + self._seconds)
        self._booked.append(at)
        return at - now
