"""What a collector is told, and how it tells its end."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crypto_assets.settings import Recording

BY_HAND = "hand"
BY_SERVICE = "service"
BY_SENSOR = "sensor"


class Exit(enum.IntEnum):
    """How a collector ended; every segment is sealed in each case."""

    DONE = 0
    """It was asked to end, or its time was over."""
    DISK = 4
    """The disk has less room than it must leave."""
    REFUSED = 5
    """The exchange will not serve this address, such as HTTP 451."""
    FAILED = 6
    """A segment could not be written."""
    HELD = 7
    """Another collector of that name lives; this one recorded nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to record, where to, and within which limits; times are in seconds."""

    lake: Path
    symbols: tuple[str, ...]
    name: str | None = None
    """There is never a second living collector of a name; one without a name may have company."""
    kept_by: str = BY_HAND
    """Who starts it again: ``hand``, ``service``, or ``sensor:<id>`` of one Dagster instance."""
    venue: str = "binance"
    kinds: tuple[str, ...] = ("trade", "bookTicker")
    ws_url: str | None = None
    """Another address than the venue's own of market data."""
    http_url: str | None = None
    roll_seconds: float = 30
    roll_bytes: int = 64 << 20
    """Compressed."""
    rotate_seconds: float = 23 * 3600
    """The longest a connection is used; the exchange cuts it after 24 hours."""
    stall_seconds: float = 30
    """A connection without a frame for so long is replaced."""
    overlap_seconds: float = 5
    """How long the old connection goes on once its successor delivers."""
    min_free_bytes: int = 2 << 30
    duration: float | None = None
    """Ends by itself after so long; None: when it is asked to."""
    streams_per_connection: int = 200
    connect_seconds: float = 10
    flush_seconds: float = 1
    clock_seconds: float = 300
    held_bytes: int = 64 << 20
    """Frames waiting for the disk beyond which no socket is read."""
    log_days: int = 14

    @property
    def digest(self) -> str:
        """Sum up what is recorded, and from where, to tell a change of the settings by."""
        told = (
            self.venue,
            sorted(set(self.symbols)),
            sorted(set(self.kinds)),
            self.ws_url,
            self.http_url,
            float(self.roll_seconds),
        )
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


def options_of(lake: Path, venue: str, name: str | None, recording: Recording) -> Options:
    """Make what a collector is told of what the settings say; ``venue`` is their own."""
    return Options(
        lake=lake,
        symbols=recording.symbols,
        name=name,
        venue=recording.venue or venue,
        kinds=recording.streams,
        ws_url=recording.ws_url,
        http_url=recording.http_url,
        roll_seconds=recording.roll_seconds,
    )
