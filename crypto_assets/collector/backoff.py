"""How long to wait before a connection is tried again."""

from __future__ import annotations

FIRST = 0.5
LONGEST = 30.0
_DOUBLINGS = 10
SETTLED = 30.0
"""Seconds after which a connection counts as one that works."""


def delay(failures: int, chance: float) -> float:
    """Give the seconds to wait after so many failures in a row.

    Capped exponential back-off with full jitter: anything between 0 and the bound is as likely, so
    that many clients cut at once do not come back at once. ``chance`` is uniform in [0, 1).
    """
    if failures <= 0:
        return 0.0
    return chance * min(LONGEST, FIRST * 2.0 ** min(failures - 1, _DOUBLINGS))


def failures_behind(failures: int, lived: float) -> int:
    """Count the failures in a row that still matter once a connection has lived so long."""
    return 0 if lived >= SETTLED else failures


def failures_after(failures: int, lived: float) -> int:
    """Count the failures in a row when a connection that lived so long is lost."""
    return failures_behind(failures, lived) + 1
