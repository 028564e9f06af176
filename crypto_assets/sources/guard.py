"""The way to a host: within its budget, and never while it asks to be left alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from crypto_assets.errors import StreamLost
from crypto_assets.sources.budget import Allowance, Budget

_TRIES = 6
_LONGEST_BACKOFF_S = 10.0
_T = TypeVar("_T")


@dataclass(slots=True)
class Guard:
    """Whoever asks a host asks within a :meth:`turn`, and says there what the host told.

    With ``together`` several may ask at once, as suits long downloads: what was asked for before
    a ban was known may then be refused too. Otherwise there is one request at a time, over all
    processes that share the budget, and none after a refusal until its time has passed.
    """

    host: str
    budget: Allowance = field(default_factory=Budget)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    patience_s: float = 150.0
    """A ban that lasts longer is told, and not waited for."""
    together: bool = False

    @contextlib.contextmanager
    def turn(self, weight: int) -> Iterator[None]:
        """Wait until something of a weight may be asked, count it, and let it be asked.

        Raises:
            StreamLost: the host is to be left alone for longer than it is worth to wait;
                ``retry_after`` says how long.
        """
        while True:
            with contextlib.nullcontext() if self.together else self.budget.turn():
                wait = self._take(weight)
                if not wait:
                    yield
                    return
            if wait > self.patience_s:
                raise StreamLost(f"{self.host}: asks to be left alone for {wait:.0f} s", wait)
            self.sleep(wait)

    def ask(self, weight: int, send: Callable[[], _T]) -> _T:
        """Send something of a weight in its turn, and again where no answer came.

        After a server error or a lost connection that is 1, 2, 4, 8, 10 s later; after a refusal
        for asking too much when the server said it may be.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        tries = 0
        while True:
            with self.turn(weight):
                try:
                    return send()
                except StreamLost as lost:
                    tries += 1
                    if tries == _TRIES:
                        raise
                    backoff = 0.0 if lost.retry_after else 2.0 ** (tries - 1)
            self.sleep(min(backoff, _LONGEST_BACKOFF_S))

    def _take(self, weight: int) -> float:
        """Count a request of a weight, or say how long to wait before it."""
        with self.budget.opened() as budget:
            wait = budget.wait_s(self.now(), weight)
            if not wait:
                # Counted before it is asked: who is killed on the way has asked all the same.
                budget.spend(self.now(), weight)
            return wait

    def tell(self, used: int) -> None:
        """Keep what the host says is used of this minute's weight."""
        with self.budget.opened() as budget:
            budget.tell(self.now(), used)

    def ban(self, retry_after_s: float) -> None:
        """Keep it that the host wants to be asked nothing for a while."""
        with self.budget.opened() as budget:
            budget.ban(self.now(), retry_after_s)
