"""Take what an exchange publishes of finished days: what is not here yet, or was published anew.

What is here is not asked for again, so that building twice downloads nothing. What the archive has
not published yet is remembered, and no error: the day stays provisional.
"""

from __future__ import annotations

import calendar
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Protocol

from crypto_assets.errors import CryptoAssetsError, Refused, Transient, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import published_checksum, sha256_of
from crypto_assets.lake.inputs import Inputs, Record
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.published import Publication, Published, Span
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition, parse_date
from crypto_assets.pipeline.ingest import stem_of, take
from crypto_assets.pipeline.reference import Rest, fetch_aggregates, fetch_klines
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveFile, ArchiveName

KINDS: dict[str, tuple[tuple[str, str | None], ...]] = {
    "raw_trades": (("trades", None),),
    "agg_trades": (("agg_trades", None),),
    "klines": (("klines", "1m"), ("klines", "1s")),
}
"""Which of the archive's tables and intervals each asset is made of."""
_GIVE_UP_AFTER = 3
_RELIST_US = 60 * 60 * 1_000_000


class Listed(Protocol):
    """A file in the archive's listing."""

    @property
    def key(self) -> str:
        """Its path below the host."""
        ...


class Host(Protocol):
    """An archive's host, as ``sources.archive.Archive`` is one; safe to use from several threads.

    Raises:
        StreamLost: it cannot answer now, several times in a row.
        Refused: it will not serve this address.
    """

    def fetch(
        self,
        file: ArchiveFile,
        into: Path,
        progress: Callable[[int], None],
    ) -> Path | None:
        """Download a file and its checksum into a directory; None where it is not published."""
        ...

    def checksum(self, file: ArchiveFile) -> str | None:
        """Read the sha256 that is published of a file, None where none is."""
        ...

    def size(self, file: ArchiveFile) -> int | None:
        """Say how many bytes a file has, None where it is not published."""
        ...

    def listing(self, folder: str) -> Sequence[Listed]:
        """List every file directly below a path, in order of key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The archives of some venues, and how they are to be used."""

    hosts: Mapping[str, Host]
    """By venue."""
    rest: Mapping[str, Rest] = field(default_factory=dict)
    """Who gives klines and aggregate trades that are not published yet, by venue."""
    now_us: Callable[[], int]
    at_once: int = 4
    """So many files are downloaded side by side."""
    monthly_up_to: int = 32 << 20
    """A month's file of at most so many bytes is taken where the whole month is wanted."""


class Found(StrEnum):
    """What came of one wanted day."""

    HELD = "held"
    """It is here already."""
    TAKEN = "taken"
    DIFFERS = "taken, its checksum differs"
    """Its bytes are not what their checksum says, twice; the checks judge its content."""
    FETCHED = "fetched over REST"
    """It is not published yet, and what there is of it was asked for otherwise."""
    NOT_PUBLISHED = "not published yet"
    NOT_OVER = "not published before the day has ended"
    FAILED = "failed"
    """It could not be asked for, or not be read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file of a day."""

    day: Partition
    file: str
    found: Found
    why: str | None = None


Watch = Callable[[str, int], None]
"""Told a file's name and how many more bytes of it came; 0 when it is done with."""


def ignore(_name: str, _count: int) -> None:
    """Tell nobody."""


def take_published(
    lake: Lake,
    asset: str,
    days: Sequence[Partition],
    archive: Archive,
    watch: Watch = ignore,
    *,
    again: bool = False,
) -> list[Outcome]:
    """Take the published files of days that are not here yet, or were published anew since.

    What is here is not asked for, unless ``again`` has its checksum read once more.

    Several are downloaded side by side while one is decoded. A whole month of a small symbol comes
    as its monthly file. A file whose bytes are not what its checksum says is downloaded again, and
    taken as a mismatch where it stays so: the checks then judge its content. After a few files in
    a row that could not be asked for, the rest is not asked for.

    Returns:
        One outcome a day and file, in order of day.
    """
    outcomes: list[Outcome] = []
    rest = dict(archive.rest)
    for instrument, those in groupby(sorted(days), key=lambda day: day.instrument):
        wanted = list(those)
        if instrument.venue not in archive.hosts:
            continue
        for table, interval in KINDS.get(asset, ()):
            taking = _Taking(lake, instrument, archive, watch, table, interval, again=again)
            outcomes += [
                _fetched(lake, archive.now_us(), rest, table, interval, one)
                for one in taking.take(wanted)
            ]
    return sorted(outcomes, key=lambda one: (one.day, one.file))


def _fetched(
    lake: Lake,
    now_us: int,
    rest: dict[str, Rest],
    table: str,
    interval: str | None,
    outcome: Outcome,
) -> Outcome:
    """Fetch klines or aggregate trades that the archive does not have yet, as far as there are.

    Whoever cannot be asked for one day is not asked for the others: it is left out of ``rest``.
    """
    day = outcome.day
    door = rest.get(day.instrument.venue)
    is_lacking = outcome.found in (Found.NOT_OVER, Found.NOT_PUBLISHED)
    if door is None or table == "trades" or not is_lacking or now_us < day.start_us:
        return outcome
    try:
        if interval is not None:
            count = fetch_klines(lake, day, Interval(interval), door)
        else:
            count = fetch_aggregates(lake, day, door)
    except (Transient, Refused, UnreadableInput) as error:
        if isinstance(error, Transient):
            del rest[day.instrument.venue]
        return replace(outcome, why=f"{outcome.found.value}, and not to be fetched: {error}")
    return (
        replace(outcome, found=Found.FETCHED, why=f"{count:,} rows fetched") if count else outcome
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One file, and the days it is wanted for."""

    name: ArchiveName
    file: ArchiveFile
    days: tuple[Partition, ...]


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What a download came to; neither where the file is not published."""

    path: Path | None = None
    error: CryptoAssetsError | None = None


@dataclass(slots=True)
class _Taking:
    """The files of one instrument and table on their way."""

    lake: Lake
    instrument: Instrument
    archive: Archive
    watch: Watch
    table: str
    interval: str | None
    again: bool
    outcomes: list[Outcome] = field(default_factory=list)
    _lost: int = 0
    """Files in a row that could not be asked for."""

    @property
    def host(self) -> Host:
        """Where the files are."""
        return self.archive.hosts[self.instrument.venue]

    def take(self, days: Sequence[Partition]) -> list[Outcome]:
        """Take what is wanted of days; gives one outcome a day."""
        daily = {day: self._wanted(day.date.isoformat(), day) for day in days}
        wanted = {day: one for day, one in daily.items() if one is not None and self._is_open(one)}
        months = list(self._months(list(wanted)))
        self._all(months)
        landed = self._landed(months)
        # A month's file may lack days, or not be there yet: daily ones then are.
        self.outcomes = [one for one in self.outcomes if one.day not in wanted or one.day in landed]
        self._all([one for day, one in wanted.items() if day not in landed])
        if any(one.found in (Found.NOT_PUBLISHED, Found.TAKEN) for one in self.outcomes):
            self._list()
        return self.outcomes

    def _list(self) -> None:
        """List the days there are files of, where that was not done within the hour."""
        span = Published(self.lake.layout, self.instrument).span()
        if span is None or self.archive.now_us() >= span.asked_us + _RELIST_US:
            list_days(self.lake, self.instrument, self.archive)

    def _wanted(self, date: str, *days: Partition) -> _Wanted | None:
        name = ArchiveName(self.instrument.symbol, self.table, self.interval, date)
        file = venue(self.instrument.venue).archive_file(name)
        return None if file is None else _Wanted(name, file, days)

    def _is_open(self, wanted: _Wanted) -> bool:
        """Whether a day's file is to be asked for; tells what came of it where not."""
        (day,) = wanted.days
        if self.archive.now_us() < day.end_us:
            self._tell(wanted, Found.NOT_OVER)
            return False
        if self.again:
            try:
                if not look(self.lake, self.instrument, wanted.file, self.archive).is_published:
                    self._tell(wanted, Found.NOT_PUBLISHED)
                    return False
            except (Transient, Refused) as error:
                self._fail(wanted, str(error))
                return False
        if is_held(self.lake, day, wanted.name):
            self._tell(wanted, Found.HELD)
            return False
        return True

    def _months(self, days: Sequence[Partition]) -> Iterator[_Wanted]:
        """Name the monthly files that are cheaper than the daily ones: small, wanted whole."""
        for month, those in groupby(days, key=lambda day: (day.date.year, day.date.month)):
            found = tuple(those)
            if len(found) < calendar.monthrange(*month)[1]:
                continue
            wanted = self._wanted(f"{month[0]:04}-{month[1]:02}", *found)
            if wanted is None:
                continue
            try:
                size = self.host.size(wanted.file)
            except (Transient, Refused):
                continue
            if size is not None and size <= self.archive.monthly_up_to:
                yield wanted

    def _landed(self, months: Sequence[_Wanted]) -> set[Partition]:
        """The days that monthly files brought."""
        records = [_record(self.lake, self.instrument, one.file) for one in months]
        dates = {one.date for record in records if record for one in record.landed}
        return {day for one in months for day in one.days if day.date.isoformat() in dates}

    def _all(self, wanted: Sequence[_Wanted]) -> None:
        """Download files side by side and decode each as it comes; few wait at any time."""
        with ThreadPoolExecutor(self.archive.at_once, "download") as pool:
            left = iter(wanted)
            running: dict[Future[_Fetched], _Wanted] = {}
            while True:
                while len(running) < self.archive.at_once:
                    one = next(left, None)
                    if one is None:
                        break
                    if self._lost >= _GIVE_UP_AFTER:
                        self._fail(one, "not asked for: the archive could not be reached before")
                    else:
                        running[pool.submit(self._fetch, one)] = one
                if not running:
                    return
                done = next(as_completed(running))
                self._settle(running.pop(done), done.result())

    def _fetch(self, wanted: _Wanted) -> _Fetched:
        """Download one file, in a thread; nothing of the lake's data is touched here."""
        host, file = self.host, wanted.file
        into = self.lake.layout.downloads(self.instrument.venue) / stem_of(file.name)

        def download() -> Path | None:
            return host.fetch(file, into, lambda count: self.watch(file.name, count))

        # Another process may want the same file: it waits, and goes on with what is there.
        with atomic.locked(into):
            try:
                path = download()
                if path is not None and published_checksum(path) not in (None, sha256_of(path)):
                    # It may have been published anew between its bytes and its checksum.
                    path = download()
            except CryptoAssetsError as error:
                return _Fetched(error=error)
        return _Fetched(path)

    def _settle(self, wanted: _Wanted, fetched: _Fetched) -> None:
        """Take one file that was downloaded, or remember why there is none."""
        self.watch(wanted.file.name, 0)
        if fetched.error is not None:
            self._lost += 1
            self._fail(wanted, str(fetched.error))
            return
        self._lost = 0
        if fetched.path is None:
            self._remember(wanted, is_published=False)
            self._tell(wanted, Found.NOT_PUBLISHED)
            return
        try:
            taken = take(self.lake, fetched.path, self.instrument.venue, may_differ=True)
        except UnreadableInput as error:
            self._fail(wanted, str(error).replace(f"{fetched.path.parent}/", ""))
        else:
            self._remember(wanted, is_published=True, sha256=taken.record.published)
            differs = taken.record.checksum == "mismatch"
            self._tell(wanted, Found.DIFFERS if differs else Found.TAKEN)
        finally:
            shutil.rmtree(fetched.path.parent, ignore_errors=True)

    def _fail(self, wanted: _Wanted, why: str) -> None:
        self._remember(wanted, is_published=False, why=why)
        self._tell(wanted, Found.FAILED, why)

    def _remember(
        self,
        wanted: _Wanted,
        *,
        is_published: bool,
        sha256: str | None = None,
        why: str | None = None,
    ) -> None:
        published = Published(self.lake.layout, self.instrument)
        now_us = self.archive.now_us()
        published.write(
            published.next(
                wanted.file.name, now_us, is_published=is_published, sha256=sha256, why=why
            ),
        )

    def _tell(self, wanted: _Wanted, found: Found, why: str | None = None) -> None:
        self.outcomes += [Outcome(day, wanted.file.name, found, why) for day in wanted.days]


def _record(lake: Lake, instrument: Instrument, file: ArchiveFile) -> Record | None:
    return Inputs(lake.layout, instrument.venue).find(stem_of(file.name))


def is_held(lake: Lake, day: Partition, name: ArchiveName) -> bool:
    """Whether a day's file, or its month's, is here as it is published by all that is known."""
    plug_in = venue(day.instrument.venue)
    file = plug_in.archive_file(name)
    record = _record(lake, day.instrument, file) if file is not None else None
    if file is not None and record is not None:
        known = Published(lake.layout, day.instrument).read(file.name)
        return known is None or known.sha256 in (None, record.published, record.sha256)
    monthly = plug_in.archive_file(replace(name, date=f"{day.date:%Y-%m}"))
    record = _record(lake, day.instrument, monthly) if monthly is not None else None
    return record is not None and day.date.isoformat() in {one.date for one in record.landed}


def list_days(lake: Lake, instrument: Instrument, archive: Archive) -> Span | None:
    """List of which days of trades there are files, and keep the first and the last.

    What lies outside was not traded, or is not published yet. None where it cannot be listed.
    """
    plug_in = venue(instrument.venue)
    folder = plug_in.archive_folder(ArchiveName(instrument.symbol, "trades", None, "0000-00-00"))
    if folder is None:
        return None
    try:
        found = archive.hosts[instrument.venue].listing(folder)
        names = [one.key.rpartition("/")[2] for one in found]
    except (Transient, Refused):
        return None
    files = [plug_in.archive_name(name) for name in names]
    dates = sorted(parse_date(name.date) for name in files if name is not None)
    if not dates:
        return None
    span = Span(first=dates[0], last=dates[-1], asked_us=archive.now_us())
    Published(lake.layout, instrument).write_span(span)
    return span


def look(
    lake: Lake,
    instrument: Instrument,
    file: ArchiveFile,
    archive: Archive,
) -> Publication:
    """Ask whether a file is published by now, and with which checksum; keeps what was found.

    Raises:
        StreamLost: the archive cannot answer now.
        Refused: it will not serve this place.
    """
    host = archive.hosts[instrument.venue]
    try:
        sha256 = host.checksum(file) if file.has_checksum else None
        is_there = sha256 is not None or (not file.has_checksum and host.size(file) is not None)
    except UnreadableInput:
        # What is there in place of a checksum says nothing of the file but that it is published.
        sha256, is_there = None, True
    published = Published(lake.layout, instrument)
    found = published.next(file.name, archive.now_us(), is_published=is_there, sha256=sha256)
    published.write(found)
    return found


def due_days(
    lake: Lake,
    assets: Sequence[str],
    days: Sequence[Partition],
    archive: Archive,
    most: int,
) -> list[Partition]:
    """Look which of some days the exchange has published something of that is not here, or not so.

    Asks for at most so many files, those that were never asked for or not for a while; what is
    left is asked for by the next call. Nothing is downloaded.

    Raises:
        StreamLost: the archive cannot answer now.
        Refused: it will not serve this place.
    """
    due: list[Partition] = []
    for day in days:
        if archive.now_us() < day.end_us or day.instrument.venue not in archive.hosts:
            continue
        for name in _names(assets, day):
            file = venue(day.instrument.venue).archive_file(name)
            if file is None:
                continue
            known = Published(lake.layout, day.instrument).read(file.name)
            if known is not None and not known.is_due(archive.now_us()):
                continue
            if not most:
                return due
            most -= 1
            found = look(lake, day.instrument, file, archive)
            if found.is_published and not is_held(lake, day, name) and day not in due:
                due.append(day)
    return due


def _names(assets: Sequence[str], day: Partition) -> Iterator[ArchiveName]:
    for asset in assets:
        for table, interval in KINDS[asset]:
            yield ArchiveName(day.instrument.symbol, table, interval, day.date.isoformat())
