"""What a collector must know of an exchange to listen to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Glance:
    """What one frame says of its stream, for people to look at; nothing is decided by it."""

    stream: str
    last_id: int | None
    sent_us: int | None
    """The exchange's time of sending, in microseconds since 1970."""


class Feed(Protocol):
    """One exchange's streams: names, addresses and limits. Nothing here does anything."""

    @property
    def name(self) -> str:
        """The venue's name."""
        ...

    @property
    def ws_url(self) -> str:
        """Where its streams are, of market data only."""
        ...

    @property
    def http_url(self) -> str:
        """Where its clock is."""
        ...

    @property
    def time_path(self) -> str:
        """The path of its clock."""
        ...

    @property
    def streams_per_connection(self) -> int:
        """How many streams one connection may carry."""
        ...

    @property
    def attempts(self) -> tuple[int, float]:
        """How many connections may be tried in how many seconds."""
        ...

    def streams(self, symbols: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
        """Name the streams of some kinds for some symbols.

        Raises:
            InvalidName: a symbol or a kind is none.
        """
        ...

    def address(self, base: str, streams: Sequence[str]) -> str:
        """Give the address of one connection for these streams."""
        ...

    def greetings(self, streams: Sequence[str]) -> tuple[bytes, ...]:
        """Say what a connection sends once it is open to be sent these streams."""
        ...

    @property
    def keep_alive(self) -> tuple[float, bytes] | None:
        """What it sends again after so many seconds to be kept open; None: nothing."""
        ...

    def key(self, frame: bytes) -> bytes:
        """Cut off the bytes a frame's stream is told by; the same for each of its frames."""
        ...

    def key_of(self, stream: str) -> bytes:
        """Say what :meth:`key` gives for the frames of a stream."""
        ...

    def announces_end(self, frame: bytes) -> bool:
        """Whether a frame says that the server is about to end its connections."""
        ...

    def glance(self, frame: bytes) -> Glance | None:
        """Look at a frame; None where it is of no stream."""
        ...

    def server_time_us(self, answer: bytes) -> int:
        """Read the clock's answer, in microseconds since 1970.

        Raises:
            ValueError: it is none.
        """
        ...
