"""Which page of bars to ask for next, so that none is lost or doubled: decided apart from asking.

Exchanges answer short at holes, before a listing and where they cap a page; from another point
than asked; newest first; with repeats; and with more than was asked for. So the length of a page
says nothing. What is relied on: a page is a run of what exists, nothing is left out between its
first and its last bar, and a span that holds bars is not answered as empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crypto_assets.errors import UnreadableInput

Row = tuple[int, str, str, str, str, str]
"""When a bar opens (us since 1970), then open, high, low, close and volume as their text."""

_LEAST_REQUESTS, _LEAST_ROWS = 20, 10
"""So many requests are always made; more where each gives so many bars on average."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A page to ask for: at most ``limit`` bars that open in ``[start_us, end_us)``."""

    start_us: int
    end_us: int
    limit: int


class Pages:
    """Ask for a span until every part of it was answered.

    ::

        while (ask := pages.next()) is not None:
            pages.take(ask, answer_of(ask))
        pages.rows

    Args:
        start_us: where the span begins, at an interval's edge.
        end_us: where it ends: the end of the last bar that may be kept, which is finished.
        interval_us: a bar's length.
        limit: how many bars a page may hold.
        requests: how many pages may be asked for; by default enough for ten bars a page.
    """

    def __init__(
        self,
        start_us: int,
        end_us: int,
        interval_us: int,
        limit: int,
        requests: int | None = None,
    ) -> None:
        self._start, self._end = start_us, end_us
        self._interval, self._limit = interval_us, limit
        self._at = start_us
        """Everything before it was asked for; what is left of that is in ``_holes``."""
        self._holes: list[tuple[int, int]] = []
        self._found: dict[int, Row] = {}
        slots = max(end_us - start_us, 0) // interval_us
        self._most = _LEAST_REQUESTS + slots // _LEAST_ROWS if requests is None else requests
        self.requests = 0
        """Pages asked for so far."""

    @property
    def rows(self) -> list[Row]:
        """The finished bars of the span found so far, ascending, each once."""
        return [self._found[at] for at in sorted(self._found)]

    def next(self) -> Ask | None:
        """Say what to ask for, None where the whole span was answered.

        Raises:
            UnreadableInput: the span is not covered after as many pages as may be asked for.
        """
        if not self._holes and self._end - self._at < self._interval:
            return None
        if self.requests >= self._most:
            raise UnreadableInput(
                f"bars from {self._at} us: expected the span to {self._end} us in at most "
                f"{self._most} pages, found {len(self._found)} bars in them",
            )
        self.requests += 1
        if self._holes:
            start, end = self._holes[-1]
            end = min(end, start + self._limit * self._interval)
        else:
            start, end = self._at, min(self._at + self._limit * self._interval, self._end)
        return Ask(start, end, -(-(end - start) // self._interval))

    def take(self, ask: Ask, rows: Iterable[Row]) -> None:
        """Take the answer to the last ask; its bars in any order, of any time."""
        given = {row[0]: row for row in rows}
        kept = {
            at: row
            for at, row in given.items()
            if at >= self._start and at + self._interval <= self._end
        }
        self._found |= kept
        inside = [at for at in given if ask.start_us <= at < ask.end_us]
        is_hole = bool(self._holes)
        if is_hole:
            _, end = self._holes.pop()
            self._leave(ask.end_us, end)
        else:
            # A page is gone on from behind its last bar; an empty one is stepped over.
            self._at = max(given) + self._interval if inside else ask.end_us
        if not inside:
            return
        if is_hole and max(given) < ask.end_us:
            self._leave(max(inside) + self._interval, ask.end_us)
        if min(given) >= ask.start_us:
            # Nothing says whether bars lie before the first one given.
            self._leave(ask.start_us, min(inside))

    def _leave(self, start: int, end: int) -> None:
        """Keep a part that was not answered; what is shorter than a bar holds none."""
        if end - start >= self._interval:
            self._holes.append((start, end))
