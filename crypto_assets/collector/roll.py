"""When a segment is sealed and the next begun, and when a connection is too old."""

from __future__ import annotations

import enum

_DAY_NS = 86_400 * 10**9
_SPREAD = 0.1


class Due(enum.Enum):
    """Why a segment is sealed."""

    AGE = "age"
    SIZE = "size"
    MIDNIGHT = "midnight"
    STOP = "stop"


def due(
    begun_ns: int,
    now_ns: int,
    size: int,
    roll_seconds: float,
    roll_bytes: int,
) -> Due | None:
    """Say whether a segment is to be sealed, with frames in it or without.

    UTC midnight ends a segment too: few of them then hold frames of two days. A wall clock set
    back makes none due; one set forward does so once.
    """
    if size >= roll_bytes:
        return Due.SIZE
    if now_ns // _DAY_NS > begun_ns // _DAY_NS:
        return Due.MIDNIGHT
    return Due.AGE if now_ns - begun_ns >= roll_seconds * 10**9 else None


def lifetime(rotate_seconds: float, chance: float) -> float:
    """Give the seconds after which a connection is rotated: up to a tenth early, by chance.

    Connections opened together so do not all grow old together.
    """
    return rotate_seconds * (1 - _SPREAD * chance)
