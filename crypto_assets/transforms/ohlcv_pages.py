"""Which page of bars to ask for next, so that none is lost or doubled: decided apart from asking.

Exchanges answer short at holes, before a listing and where they cap a page; from another point
than asked; newest first; with repeats; and with more than was asked for. So the length of a page
says nothing. What is relied on: a page is a run of what exists, nothing is left out between its
first and its last bar, and a span that holds bars is not answered as empty. Where pages turn out to
be cut, to fewer bars than were asked for, no longer spans are asked for, and those that were
answered as empty are asked for again: the exchange may have looked at a part of them only.
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


@dataclass(frozen=True, slots=True)
class _Page:
    """What an answer held of what was asked for."""

    start_us: int
    end_us: int
    held: int
    is_short: bool


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
        self._empty: list[tuple[int, int]] = []
        self._cut = 0
        """The most bars a page held that was cut."""
        self._last: _Page | None = None
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
        inside = [at for at in given if ask.start_us <= at < ask.end_us]
        is_hole = bool(self._holes)
        if is_hole:
            _, end = self._holes.pop()
            self._leave(ask.end_us, end)
        else:
            # A page is gone on from behind its last bar; an empty one is stepped over.
            self._at = max(given) + self._interval if inside else ask.end_us
        self._learn(ask, inside)
        self._found |= kept
        if not inside:
            self._empty.append((ask.start_us, ask.end_us))
            return
        if is_hole and max(given) < ask.end_us:
            self._leave(max(inside) + self._interval, ask.end_us)
        if min(given) >= ask.start_us:
            # Nothing says whether bars lie before the first one given.
            self._leave(ask.start_us, min(inside))

    def _learn(self, ask: Ask, inside: list[int]) -> None:
        """Notice that the page before ended although the next bar existed."""
        last, self._last = self._last, None
        if inside:
            span = (min(inside), max(inside) + self._interval)
            self._last = _Page(*span, held=len(inside), is_short=len(inside) < ask.limit)
        if last is None or not last.is_short or last.held <= self._cut:
            return
        goes_on = last.end_us == ask.start_us and ask.start_us in inside
        goes_back = last.start_us == ask.end_us and ask.end_us - self._interval in inside
        if not (goes_on or goes_back):
            return
        held = last.held
        self._cut = self._limit = held
        for start, end in self._empty:
            if end - start > held * self._interval:
                self._leave(start, end)
        self._empty = []

    def _leave(self, start: int, end: int) -> None:
        """Keep a part that was not answered; what is shorter than a bar holds none."""
        if end - start >= self._interval:
            self._holes.append((start, end))
