"""How long a connection has been silent."""

from __future__ import annotations

from dataclasses import dataclass

_DOUBLINGS = 4


@dataclass(frozen=True, slots=True)
class Silence:
    """A count of frames, and since when it stands still."""

    frames: int
    since: float

    def seen(self, frames: int, now: float) -> Silence:
        """Look at the count again."""
        return self if frames == self.frames else Silence(frames, now)

    def lasted(self, now: float) -> float:
        """Say for how many seconds no frame came."""
        return now - self.since


def patience(stall_seconds: float, in_a_row: int) -> float:
    """Give the seconds of silence after which a connection is replaced.

    They double with each replacement that was as silent: a market without trades is no fault of
    the connection, and to reconnect for ever would use up the exchange's allowance.
    """
    return stall_seconds * 2.0 ** min(in_a_row, _DOUBLINGS)
