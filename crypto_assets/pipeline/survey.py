"""What is known of all symbols and days, read the cheap way: footers, and what is known of them.

:func:`~crypto_assets.pipeline.status.status_of` says what is known of one day by reading all its
verdicts. Of a year of fifty symbols those are 18,250 days, so here a day whose verdicts are about
the trades that are stored is told by the footers of its files alone; rows of verdicts are read
only where a day is not proven, and :func:`status_of` is asked only where verdicts are out of date
or lacking. What was found is kept with the files it was found of, by inode, size and time, for the
next time: committed files are replaced, never changed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from crypto_assets.errors import InvalidName, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import digest_of
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition, parse_date
from crypto_assets.model.report import PROVEN, DayCell, Survey, SymbolDays
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.status import status_of

_TOLD_BY = ("verdicts", "raw_trades", "daily_trades")
"""The assets whose files say all that is shown of a day."""
_KEPT = ".completeness.cache"
_VERSION = 1


class _Known(msgspec.Struct, frozen=True, array_like=True):
    """What was found of a day, and the files it was found of."""

    files: str
    condition: str
    rows: int
    missing: int
    sources: tuple[str, ...]


class _Memory(msgspec.Struct, array_like=True):
    version: int = _VERSION
    days: dict[str, _Known] = {}


def survey(lake: Lake, advance: Callable[[int, int], None] | None = None) -> Survey:
    """Tell what is known of every symbol on every day from its first to its last.

    Args:
        lake: What is told of; only what is kept for the next time is written to it.
        advance: Told now and then how many days are done, of how many.

    """
    old = _recalled(lake)
    new = _Memory()
    stored = _stored(lake)
    total = sum(len(days) for days in stored.values())
    done = 0
    found: list[SymbolDays] = []
    for instrument in sorted(stored):
        files = stored[instrument]
        reports = _dates(lake.layout.reports, instrument)
        cells: list[DayCell] = []
        for date in _every_day(min(files), max(files)):
            partition = Partition(instrument, date)
            known = _known(lake, partition, files.get(date), old, new)
            cells.append(
                DayCell(
                    date=date,
                    condition=Condition(known.condition),
                    rows=known.rows,
                    missing=known.missing,
                    sources=known.sources,
                    has_report=date in reports and lake.layout.report(partition).exists(),
                ),
            )
            done += date in files
            if advance is not None:
                advance(done, total)
        found.append(SymbolDays(instrument, cells))
    _keep(lake, old, new)
    return Survey(found)


def _every_day(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield dt.date.fromordinal(ordinal)


def _stored(lake: Lake) -> dict[Instrument, dict[dt.date, str]]:
    """Every day that anything is stored of, with the files that tell of it as a fingerprint."""
    found: dict[Instrument, dict[dt.date, str]] = {}
    for asset in (*_TOLD_BY, *(name for name in ASSETS if name not in _TOLD_BY)):
        for instrument in lake.layout.instruments(asset):
            days = found.setdefault(instrument, {})
            for date, directory in _dates(lake.layout.root / asset, instrument).items():
                if asset in _TOLD_BY:
                    if files := _files(directory):
                        days[date] = f"{days.get(date, '')}{asset}:{files};"
                elif date not in days and _files(directory):
                    days[date] = ""
    return {instrument: days for instrument, days in found.items() if days}


def _dates(root: Path, instrument: Instrument) -> dict[dt.date, str]:
    """The directories of an instrument's days; what has another name is not ours."""
    directory = root / f"venue={instrument.venue}" / f"symbol={instrument.symbol}"
    found: dict[dt.date, str] = {}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                with contextlib.suppress(InvalidName):
                    found[parse_date(entry.name.removeprefix("date="))] = entry.path
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found


def _files(directory: str) -> str:
    """Name every committed Parquet file of a directory by what changes when it is replaced."""
    found: list[str] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".parquet") and not entry.name.startswith("."):
                stat = entry.stat()
                found.append(f"{entry.name},{stat.st_ino},{stat.st_size},{stat.st_mtime_ns}")
    return ",".join(sorted(found))


def _known(
    lake: Lake,
    partition: Partition,
    files: str | None,
    old: _Memory,
    new: _Memory,
) -> _Known:
    """Find out what is known of a day; what its own files tell is kept."""
    key = str(partition)
    known = old.days.get(key)
    if files and known is not None and known.files == files:
        new.days[key] = known
        return known
    if files:
        found = _told_by_footers(lake, partition, files)
        if found is not None:
            new.days[key] = found
            return found
    day = status_of(lake, partition)
    missing = len(Coverage.of(day.missing))
    return _Known("", day.condition, day.rows, missing, tuple(sorted(day.sources)))


def _told_by_footers(lake: Lake, partition: Partition, files: str) -> _Known | None:
    """Tell a day by the footers of its files, None where its verdicts are not of these."""
    try:
        judged = lake.manifest("verdicts", partition)
        parts = lake.parts("raw_trades", partition)
        sealed = lake.manifest("daily_trades", partition)
    except UnreadableInput:
        return None
    digest = digest_of(parts) if parts else ""
    if judged is None or digest not in ("", judged.parents.get("raw_trades")):
        return None
    trades: Manifest | None = sealed
    if len(parts) == 1:
        trades = parts[0].manifest
    elif parts and (sealed is None or sealed.parents.get("raw_trades") != digest):
        trades = lake.summary("raw_trades", partition)
    condition = Condition(judged.parents["condition"])
    missing = Coverage.of(trades.missing if trades else ())
    if condition not in PROVEN:
        stored = verdicts.read(lake, partition)
        if stored is None:
            return None
        missing |= verdicts.proven_missing(stored.verdicts)
    return _Known(
        files,
        condition.value,
        trades.rows if trades else 0,
        len(missing),
        tuple(sorted(trades.sources)) if trades else (),
    )


def _recalled(lake: Lake) -> _Memory:
    """What was kept the last time; nothing where it cannot be read or is of another version."""
    try:
        data = (lake.layout.reports / _KEPT).read_bytes()
        found = msgspec.msgpack.decode(data, type=_Memory)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Memory()
    return found if found.version == _VERSION else _Memory()


def _keep(lake: Lake, old: _Memory, new: _Memory) -> None:
    if new != old:
        atomic.write_bytes(lake.layout.reports / _KEPT, msgspec.msgpack.encode(new))
