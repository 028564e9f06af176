"""The log of requests, and who came back before the time to wait was over; clocks are given."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

MOST_REQUESTS = 20_000


class Request(NamedTuple):
    """A request that was answered, or whose answer was cut."""

    at_s: float
    """When it came: seconds since 1970, of the wall."""
    path: str
    """With its query."""
    status: int
    size: int
    """Bytes of the answer's body that were sent."""


class Journal:
    """What was asked of the hosts."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=MOST_REQUESTS)
        """The last ones, in the order in which they were done with."""
        self.paths: Counter[str] = Counter()
        """How many came, by path or host."""
        self.statuses: Counter[int] = Counter()
        """How they were answered."""
        self.too_early = 0
        """How many came before the time to wait was over that their address had been told."""
        self._until: dict[tuple[str, str], float] = {}

    def arrived(self, host: str, address: str, now: float) -> None:
        """Judge a request at the moment it comes; ``now`` in seconds of one clock."""
        self.too_early += now < self._until.get((host, address), now)

    def told_to_wait(self, host: str, address: str, until: float) -> None:
        """Note when an address may ask a host again; the latest it was told counts."""
        self._until[host, address] = max(until, self._until.get((host, address), until))

    def answered(self, request: Request) -> None:
        """Note an answer."""
        self.requests.append(request)
        self.statuses[request.status] += 1
