"""How a collector is, as a small file that says so each second."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from crypto_assets.collector.connection import Latest
from crypto_assets.collector.options import BY_HAND
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.segments import directory, venues
from crypto_assets.sources.feed import Feed

_FILE = "status.json"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """One session, as of its last heartbeat."""

    session: str
    name: str | None = None
    """The collector's name; None of one that was given none."""
    kept_by: str = BY_HAND
    """Who starts it again: ``hand``, ``service``, or ``sensor:<id>`` of one Dagster instance."""
    records: str = ""
    """A digest of what it records, and from where."""
    venue: str
    pid: int
    host: str
    state: str
    """``recording``, or how it ended: ``done``, ``disk``, ``refused``, ``failed``."""
    started_ns: int
    heartbeat_ns: int
    """When this was written; an old one of a living process is a disk or a loop that hangs."""
    streams: int
    connections: int
    """Open now."""
    shards: int
    frames: int
    frames_per_second: float
    """Over the last tick."""
    lag_ms: float | None
    """The longest of the last frames' receive times minus times of sending, by two clocks; see
    :attr:`behind_ms`."""
    clock_offset_us: int | None
    """Local minus exchange time as last measured."""
    last_ids: dict[str, int]
    """The last trade or update id, by stream."""
    reconnects: int
    rotations: int
    pauses: int
    """How often the sockets had to wait for the disk; no frame is ever dropped."""
    waiting_bytes: int
    high_water_bytes: int
    segment: str | None
    free_bytes: int | None
    is_alive: bool = False
    """Whether its process holds the session; told by the kernel when it is read."""

    @property
    def behind_ms(self) -> float | None:
        """The lag without what the two clocks differ by, as far as that is known."""
        if self.lag_ms is None:
            return None
        return round(self.lag_ms - (self.clock_offset_us or 0) / 1000, 3)

    def rate(self, frames: int, since_ns: int) -> float:
        """Give the frames a second since there were so many, at a heartbeat or at the start."""
        seconds = (self.heartbeat_ns - since_ns) / 10**9
        return round((self.frames - frames) / seconds, 1) if seconds > 0 else 0.0

    def age(self, now_ns: int) -> float:
        """Give the seconds since its heartbeat, negative where a clock was set back."""
        return (now_ns - self.heartbeat_ns) / 10**9


def glances(feed: Feed, latest: Iterable[Latest]) -> tuple[dict[str, int], float | None]:
    """Read the last ids by stream, and the longest lag in milliseconds, off the last frames."""
    ids: dict[str, int] = {}
    lags: list[float] = []
    for frames in latest:
        for held in frames.values():
            glance = feed.glance(held[1]) if held else None
            if held is None or glance is None:
                continue
            if glance.last_id is not None:
                ids[glance.stream] = glance.last_id
            if glance.sent_us is not None:
                lags.append((held[0] // 1000 - glance.sent_us) / 1000)
    return ids, max(lags, default=None)


def write(session: Path, health: Health) -> None:
    """Replace a session's file; what a power cut leaves of it is worth nothing, so none syncs."""
    temporary = session / f".{_FILE}.tmp"
    temporary.write_bytes(msgspec.json.encode(health))
    temporary.replace(session / _FILE)


def status(layout: Layout, venue: str | None = None) -> list[Health]:
    """Tell of every session that wrote how it is, of one venue or of all, by venue and start."""
    return [
        found
        for name in ([venue] if venue else venues(layout))
        for path in sorted(directory(layout, name).glob(f"*/{_FILE}"))
        if (found := _read(path)) is not None
    ]


def _read(path: Path) -> Health | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Health)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return msgspec.structs.replace(found, is_alive=_is_held(path.parent))


def _is_held(session: Path) -> bool:
    descriptor = os.open(session, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
