"""How much may be asked of a server before it minds, and who of many may ask now.

The arithmetic is pure, the clock is an argument. Where several processes talk to a host, each of
them reads and changes the same budget, kept in a :class:`Store`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import msgspec

from crypto_assets.sources.refusal import LONGEST_BAN_S

_MINUTE_S = 60.0
_LIMIT = 6_000
_SHARE = 0.5

_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Spent(msgspec.Struct):
    """What of a budget is used, and until when nothing may be asked; times in s since 1970."""

    used: _Natural = 0
    minute: _Natural = 0
    banned_at_s: _Seconds = 0.0
    banned_until_s: _Seconds = 0.0


@dataclass(slots=True)
class Budget:
    """Weight a minute, of which only a share is ours: live traffic comes first.

    Binance counts weight by address and UTC minute and says in ``X-MBX-USED-WEIGHT-1M`` how much
    is used; answers 429 past the limit, and 418 to who goes on (REST API, section "Limits").
    """

    limit: int = _LIMIT
    share: float = _SHARE
    spent: Spent = field(default_factory=Spent)

    def wait_s(self, now_s: float, weight: int) -> float:
        """Say how many seconds to wait before asking for something of a weight."""
        left = self._ban_left_s(now_s)
        if left:
            return left
        self._turn_to(now_s)
        if self.spent.used + weight <= self.limit * self.share:
            return 0.0
        return (self.spent.minute + 1) * _MINUTE_S - now_s

    def spend(self, now_s: float, weight: int) -> None:
        """Count something that is about to be asked."""
        self._turn_to(now_s)
        self.spent.used += weight

    def tell(self, now_s: float, used: int) -> None:
        """Take the server's word for what is used; it counts more than our own sum."""
        self._turn_to(now_s)
        self.spent.used = max(self.spent.used, used)

    def ban(self, now_s: float, retry_after_s: float) -> None:
        """Ask nothing until the server's ``Retry-After`` has passed."""
        left = max(self._ban_left_s(now_s), retry_after_s)
        self.spent.banned_at_s, self.spent.banned_until_s = now_s, now_s + left

    def _turn_to(self, now_s: float) -> None:
        minute = int(now_s // _MINUTE_S)
        if minute != self.spent.minute:
            self.spent.minute, self.spent.used = minute, 0

    def _ban_left_s(self, now_s: float) -> float:
        spent = self.spent
        length = min(max(spent.banned_until_s - spent.banned_at_s, 0.0), LONGEST_BAN_S)
        if now_s < spent.banned_at_s:
            # The clock was set back: how much of the ban has passed is not known.
            spent.banned_at_s, spent.banned_until_s = now_s, now_s + length
            return length
        return max(spent.banned_at_s + length - now_s, 0.0)

    def opened(self) -> AbstractContextManager[Budget]:
        """Give itself: nobody else knows it."""
        return contextlib.nullcontext(self)

    def turn(self) -> AbstractContextManager[None]:
        """Let its only user ask."""
        return contextlib.nullcontext()


class Allowance(Protocol):
    """A host's budget, this process's own or one that all processes share."""

    def opened(self) -> AbstractContextManager[Budget]:
        """Give the budget to the block alone; what it changes is known to all when it ends."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Let nobody else ask the host while the block lasts."""
        ...


class Store(Protocol):
    """A few bytes that processes share; a writer that is killed leaves the old or the new ones."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold the bytes for the block alone."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Hold the host for the block alone."""
        ...

    def read(self) -> bytes | None:
        """Read the bytes, None where there are none yet."""
        ...

    def write(self, data: bytes) -> None:
        """Put other bytes in their place."""
        ...


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """A budget that every process with the same store reads and changes."""

    store: Store
    limit: int = _LIMIT
    share: float = _SHARE

    @contextlib.contextmanager
    def opened(self) -> Iterator[Budget]:
        """Give the budget as it is kept, and keep what the block made of it."""
        with self.store.alone():
            kept = self.store.read()
            budget = Budget(self.limit, self.share, _spent(kept))
            yield budget
            data = msgspec.json.encode(budget.spent)
            if data != kept:
                self.store.write(data)

    def turn(self) -> AbstractContextManager[None]:
        """Wait until no other process asks, and let none ask while the block lasts."""
        return self.store.turn()


def _spent(data: bytes | None) -> Spent:
    """Read what was kept; what cannot be read is as good as none, the next answer tells."""
    try:
        return msgspec.json.decode(data or b"{}", type=Spent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Spent()
