"""What has happened in the exchange so far, as it tells it."""

from __future__ import annotations

import msgspec


class Counters(msgspec.Struct, kw_only=True):
    """What has happened so far."""

    now_us: int
    """Market time."""
    issued: dict[str, tuple[int, int] | None]
    """First and last trade id that exist, by symbol."""
    dropped: dict[str, list[tuple[int, int]]]
    """Trade ids that drops and silences kept out of the stream, by symbol."""
    frames: dict[str, int]
    """Frames sent, by kind."""
    connections: int
    """Open now."""
    opened: int
    """Opened ever."""
    cuts: dict[str, int]
    """Connections the exchange ended, by reason."""
    requests: dict[str, int]
    """Requests of REST and archive, by path or ``archive``."""
    statuses: dict[int, int]
    """Their answers, and those of streams that were refused."""
    too_early: int
    """Requests that came before a ``Retry-After`` of 418 or 429 had passed which their address had
    been told by the same host, REST or archive."""
