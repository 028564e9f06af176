"""Heal a day: fetch exactly the trade ids that are missing, from whichever door gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from crypto_assets.errors import Refused, Transient
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.gap import Gap
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.ingest import Taken
from crypto_assets.pipeline.pages import ById, Page, pages, stretches, take_trades
from crypto_assets.pipeline.published import Archive, Found, take_published
from crypto_assets.pipeline.segments import touched

_TRIES = 5
_LINES_A_PART = 100_000
"""So many fetched trades are taken at once: a long heal that is cut short keeps what it has."""
_FORBIDDEN = 451
_PROVEN = 100


class History(ById, Protocol):
    """Where old trades can be asked for."""

    def covered(self, symbol: str, span: Range) -> Coverage:
        """Give the ids of all trades matched within a span of microseconds."""
        ...


@dataclass(frozen=True, slots=True)
class Doors:
    """Where missing trades are asked for, and how a wait is waited."""

    history: History
    archive: Archive | None
    sleep: Callable[[float], None]
    now_us: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Healed:
    """What came of healing a day."""

    asked: Coverage
    """The ids that were missing."""
    left: Coverage
    """The ids that still are."""
    touched: tuple[Partition, ...] = ()
    """The days that got new parts: trades land on the day they were matched on."""
    why: str | None = None
    """Why the exchange gave no trades by id, where it did not."""

    @property
    def count(self) -> int:
        """How many ids were healed."""
        return len(self.asked) - len(self.left)


def heal(
    lake: Lake,
    partition: Partition,
    doors: Doors,
    progress: Callable[[int], None] = lambda _: None,
) -> Healed:
    """Fetch the missing ids of a day and take them into the lake as parts of their own.

    They are asked for by id. Where a host does not serve that, or does not give all of them, the
    day's archive file is taken if it is published; of ids that are missing even then the
    exchange's aggregate trades tell whether they exist. Only ids that are missing are kept, so
    healing twice changes nothing. What was tried is in the gap ledger afterwards.

    Raises:
        Refused: the exchange does not serve this place (HTTP 451); no other door is tried.
        StreamLost: it cannot answer, several times in a row.
    """
    if lake.layout.files("klines", partition):
        # They may prove ids missing before the first and after the last.
        verdicts.judge(lake, "verdicts", partition)
    if all(lake.layout.files(asset, partition) for asset in ("agg_trades", "raw_trades")):
        verdicts.judge(lake, "raw_trades", partition)
    known = [one for one in gaps.refresh(lake, partition, doors.now_us()) if one.state.is_missing]
    asked = Coverage.of(gap.ids for gap in known)
    if not len(asked):
        return Healed(asked, asked)
    attempt = _Attempt(lake, partition, doors, progress)
    try:
        attempt.by_id(asked)
        attempt.by_file(known)
        attempt.prove(known)
    finally:
        # What an error left is in the ledger too: fetched ids, and that others were asked for.
        left = _close(lake, partition, attempt, asked)
    return Healed(asked, left, tuple(sorted(attempt.touched)), attempt.why)


def _close(lake: Lake, partition: Partition, attempt: _Attempt, asked: Coverage) -> Coverage:
    """Bring the ledger up to date with an attempt; gives the ids that are still missing."""
    now_us = attempt.doors.now_us()
    gaps.refresh(lake, partition, now_us)
    left = gaps.missing_of(lake, partition) & asked
    if len(left):
        gaps.note_tries(lake, partition, left, attempt.denied, attempt.evidence(left), now_us)
    return left


@dataclass(slots=True)
class _Attempt:
    """One walk through the doors."""

    lake: Lake
    partition: Partition
    doors: Doors
    progress: Callable[[int], None]
    denied: Coverage = field(default_factory=Coverage)
    """Ids that the exchange gave what lies around of, and not them."""
    exist: Coverage | None = None
    """Of the ids still missing those the exchange's aggregates count; None where not asked."""
    why: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    """What came of each archive file, by its date."""
    touched: set[Partition] = field(default_factory=set)

    @property
    def symbol(self) -> str:
        """Whose trades."""
        return self.partition.instrument.symbol

    def evidence(self, left: Coverage) -> dict[str, object]:
        """Tell of ids that are still missing what was learned of them."""
        found: dict[str, object] = {}
        if self.why is not None:
            found["not_served_by_id"] = self.why
        if self.files:
            found["archive"] = self.files
        if self.exist is not None:
            found["exist_by_aggregates"] = [list(ids) for ids in (self.exist & left).ranges]
        return found

    def by_id(self, asked: Coverage) -> None:
        """Fetch ids through the exchange's history."""
        try:
            for wanted in asked.ranges:
                self._fetch(wanted)
        except Transient as error:
            self.why = str(error)
            raise
        except Refused as error:
            self.why = str(error)
            if error.status == _FORBIDDEN:
                raise

    def _fetch(self, wanted: Range) -> None:
        history, sleep = self.doors.history, self.doors.sleep
        found = map(self._seen, pages(history, self.symbol, wanted, _TRIES, sleep))
        for lines in stretches(found, _LINES_A_PART):
            self._took(take_trades(self.lake, self.partition.instrument, lines))

    def _seen(self, page: Page) -> Page:
        self.denied |= page.denied
        self.progress(len(page.lines))
        return page

    def _took(self, taken: Taken) -> None:
        self.touched.update(touched([taken]))

    def by_file(self, known: list[Gap]) -> None:
        """Take the published files of the days on which ids are still missing."""
        archive = self.doors.archive
        left = self._left(known)
        if archive is None or not left:
            return
        days: set[Partition] = set()
        for gap in left:
            numbers = range(gap.before_us // DAY_US, (gap.after_us - 1) // DAY_US + 1)
            days |= {Partition.of_day(self.partition.instrument, number) for number in numbers}
        for found in take_published(self.lake, "raw_trades", sorted(days), archive, again=True):
            self.files[str(found.day.date)] = found.why or found.found.value
            if found.found in (Found.TAKEN, Found.DIFFERS):
                self.touched.add(found.day)
            if found.found in (Found.TAKEN, Found.HELD):
                self._deny(self.lake.coverage(found.day))

    def _deny(self, published: Coverage) -> None:
        """Note that the exchange's own file lacks what its ids lack."""
        if published.first is not None and published.last is not None:
            self.denied |= Coverage.of([(published.first, published.last)]) - published

    def _left(self, known: list[Gap]) -> list[Gap]:
        missing = gaps.missing_of(self.lake, self.partition)
        return [gap for gap in known if len(Coverage.of([gap.ids]) & missing)]

    def prove(self, known: list[Gap]) -> None:
        """Ask the aggregates which of the ids still missing were traded at all."""
        for gap in self._left(known)[:_PROVEN]:
            if gap.count > _LINES_A_PART:
                continue
            span = (gap.before_us, gap.after_us)
            try:
                found = self.doors.history.covered(self.symbol, span)
            except (Transient, Refused):
                return
            self.exist = (self.exist or Coverage()) | (found & Coverage.of([gap.ids]))
