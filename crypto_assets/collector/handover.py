"""When a connection may give way to its successor."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Why(enum.Enum):
    """Why a connection is replaced."""

    LOST = "lost"
    AGE = "age"
    SHUTDOWN = "shutdown announced"
    SILENCE = "silence"


class Verdict(enum.Enum):
    """What to do with two connections that carry the same streams."""

    WAIT = "both go on"
    NEW = "the old one is closed"
    OLD = "the new one is closed"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two connections at one moment."""

    why: Why
    old_lives: bool
    new_lives: bool
    old_frames: int
    """Frames the old one had since the new one was opened."""
    new_frames: int
    waited: float
    """Seconds since the new one was opened."""
    delivered: float
    """Seconds since the new one's first frame, 0 before."""


def judge(both: Overlap, overlap_seconds: float, stall_seconds: float) -> Verdict:
    """Say which connection goes on.

    A living connection is closed only when its successor has delivered a frame, and some seconds
    after that: what the old one has on its way must arrive. The one exception is a silent
    connection with an equally silent successor, which has nothing to lose.
    """
    if not both.new_lives:
        return Verdict.OLD if both.old_lives else Verdict.NEW
    if not both.old_lives:
        return Verdict.NEW
    if both.new_frames:
        return Verdict.NEW if both.delivered >= overlap_seconds else Verdict.WAIT
    if both.waited < stall_seconds:
        return Verdict.WAIT
    silent = both.why is Why.SILENCE and not both.old_frames
    return Verdict.NEW if silent else Verdict.OLD
