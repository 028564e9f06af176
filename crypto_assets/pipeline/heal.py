"""Heal a day: fetch exactly the trade ids that are missing, from whichever door gives them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from crypto_assets.errors import ChecksumMismatch, Refused, Transient, UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.gap import Gap
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.segments import touched

_TRIES = 5
_LINES_A_PART = 100_000
"""So many fetched trades are taken at once: a long heal that is cut short keeps what it has."""
_FORBIDDEN = 451
_PROVEN = 100


class History(Protocol):
    """Where old trades can be asked for."""

    def lines(self, symbol: str, first: int, count: int) -> list[str]:
        """Give trades from an id on, as lines of the archive's columns, ascending by id.

        At most ``count`` of them; an answer may hold fewer.
        """
        ...

    def covered(self, symbol: str, span: Range) -> Coverage:
        """Give the ids of all trades matched within a span of microseconds."""
        ...


class Archive(Protocol):
    """Where whole days are published."""

    def fetch(self, day: Partition, into: Path) -> Path | None:
        """Download a day's file and its checksum; None where it is not published."""
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
        lines: list[str] = []
        for page in self._pages(wanted):
            lines.extend(page)
            self.progress(len(page))
            if len(lines) >= _LINES_A_PART:
                self._take(lines)
                lines = []
        if lines:
            self._take(lines)

    def _pages(self, wanted: Range) -> Iterator[list[str]]:
        """Give the lines of a range page by page; gives up where nothing more comes.

        An answer that ends before the ids asked for is asked for again: the exchange's database
        lags its stream.
        """
        at, last = wanted
        tries = 0
        while at <= last:
            try:
                answer = self.doors.history.lines(self.symbol, at, last - at + 1)
            except Transient:
                tries += 1
                if tries >= _TRIES:
                    raise
                self.doors.sleep(2.0**tries)
                continue
            ids = [_id(line) for line in answer]
            if ids and max(ids) >= at:
                tries = 0
                seen = Coverage.of([(at, min(max(ids), last))])
                self.denied |= seen - Coverage.of_ids(pl.Series(ids))
                at = max(ids) + 1
                numbered = zip(answer, ids, strict=True)
                yield [line for line, trade_id in numbered if wanted[0] <= trade_id <= last]
                continue
            tries += 1
            if tries >= _TRIES:
                return
            self.doors.sleep(2.0**tries)

    def _take(self, lines: list[str]) -> None:
        """Take fetched trades into the lake as an input of their own."""
        name = f"{self.symbol}-rest-{_id(lines[0])}-{_id(lines[-1])}.csv"
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / name
            path.write_text("\n".join(lines) + "\n")
            self._took(path)

    def _took(self, path: Path) -> None:
        taken = take(self.lake, path, self.partition.instrument.venue)
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
        for day in sorted(days):
            with tempfile.TemporaryDirectory() as directory:
                self.files[str(day.date)] = self._take_file(archive, day, Path(directory))

    def _take_file(self, archive: Archive, day: Partition, directory: Path) -> str:
        if self.doors.now_us() < day.end_us:
            return "not published before the day has ended"
        try:
            path = archive.fetch(day, directory)
            if path is None:
                return "not published yet"
            self._took(path)
        except (Transient, Refused, ChecksumMismatch, UnreadableInput) as error:
            return str(error).replace(f"{directory}/", "")
        published = self.lake.coverage(day)
        if published.first is not None and published.last is not None:
            whole = Coverage.of([(published.first, published.last)])
            self.denied |= whole - published
        return "taken"

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


def _id(line: str) -> int:
    return int(line.split(",", 1)[0])
