"""How much may be asked of a server before it minds: pure, the clock is an argument."""

from __future__ import annotations

import functools
from dataclasses import dataclass

_MINUTE_S = 60.0


@dataclass(slots=True)
class Budget:
    """Weight a minute, of which only a share is ours: live traffic comes first.

    Binance counts weight by address and UTC minute and says in ``X-MBX-USED-WEIGHT-1M`` how much
    is used; answers 429 past the limit, and 418 to who goes on (REST API, section "Limits").
    """

    limit: int = 6_000
    share: float = 0.5
    used: int = 0
    minute: int = 0
    banned_until_s: float = 0.0

    def wait_s(self, now_s: float, weight: int) -> float:
        """Say how many seconds to wait before asking for something of a weight."""
        if now_s < self.banned_until_s:
            return self.banned_until_s - now_s
        minute = int(now_s // _MINUTE_S)
        if minute != self.minute:
            self.minute, self.used = minute, 0
        if self.used + weight <= self.limit * self.share:
            return 0.0
        return (minute + 1) * _MINUTE_S - now_s

    def spend(self, now_s: float, weight: int, told: int | None) -> None:
        """Count what was asked; what the server told is used counts more than our own sum."""
        minute = int(now_s // _MINUTE_S)
        if minute != self.minute:
            self.minute, self.used = minute, 0
        self.used = max(self.used + weight, told or 0)

    def ban(self, now_s: float, retry_after_s: float) -> None:
        """Ask nothing until the server's ``Retry-After`` has passed."""
        self.banned_until_s = max(self.banned_until_s, now_s + retry_after_s)


@functools.cache
def budget_of(base_url: str) -> Budget:
    """The one budget of this process for a host."""
    del base_url
    return Budget()
