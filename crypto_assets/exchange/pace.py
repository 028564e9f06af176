"""How fast the market plays, and what time it is in it; the caller's clock is an argument."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from crypto_assets.model.interval import SECOND_US


class Pace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast the market plays."""

    speed: float = 1.0
    """Market seconds a second; 0 stands still."""
    flat_out: bool = False
    """As fast as the listeners take it, and not at all while nobody listens; no ``speed`` then."""


PAUSED = Pace(speed=0.0)
FLAT_OUT = Pace(flat_out=True)


@dataclass(frozen=True, slots=True)
class Clock:
    """Market time as a line through one point."""

    pace: Pace
    at_us: int
    """Market time ..."""
    at_s: float
    """... when the caller's clock showed this."""

    def now_us(self, now_s: float) -> int:
        """Read market time; flat out it stands still and is set by what was played."""
        if self.pace.flat_out:
            return self.at_us
        return self.at_us + int((now_s - self.at_s) * self.pace.speed * SECOND_US)

    def paced(self, pace: Pace, now_s: float) -> Clock:
        """Go on at another pace from now."""
        return Clock(pace, self.now_us(now_s), now_s)

    def jumped(self, to_us: int, now_s: float) -> Clock:
        """Go on from another market time, never an earlier one."""
        return Clock(self.pace, max(to_us, self.now_us(now_s)), now_s)
