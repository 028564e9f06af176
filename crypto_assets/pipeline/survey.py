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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
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
from crypto_assets.model.report import DayCell, Survey, SymbolDays
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.status import status_of

_TOLD_BY = ("verdicts", "raw_trades", "daily_trades")
"""The assets whose files say all that is shown of a day."""
_KEPT = ".completeness.cache"
_VERSION = 1

Advance = Callable[[int, int], None]
"""Told how many days are done, of how many."""


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


@dataclass(slots=True)
class _Stored:
    """The files of a day that tell of it, and what changes when one of them is replaced."""

    paths: dict[str, list[Path]] = field(default_factory=dict)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class _Footers:
    """What the footers of a day say."""

    condition: Condition
    trades: Manifest | None


def survey(lake: Lake, advance: Advance | None = None) -> Survey:
    """Tell what is known of every symbol on every day from its first to its last.

    Only what is kept for the next time is written to the lake.
    """
    stored = _stored(lake)
    old = _recalled(lake)
    known = _find(lake, stored, old, advance or _silent)
    kept = {str(day): one for day, one in known.items() if one.files}
    if kept != old.days:
        data = msgspec.msgpack.encode(_Memory(days=kept))
        atomic.write_bytes(lake.layout.reports / _KEPT, data)
    found: list[SymbolDays] = []
    for instrument, days in groupby(sorted(known), key=lambda day: day.instrument):
        reports = _dates(lake.layout.reports, instrument)
        found.append(
            SymbolDays(
                instrument,
                [
                    _cell(known[day], day, has_report=_is_written(lake, day, reports))
                    for day in days
                ],
            ),
        )
    return Survey(found)


def _silent(_done: int, _total: int) -> None:
    pass


def _is_written(lake: Lake, day: Partition, reports: Mapping[dt.date, str]) -> bool:
    return day.date in reports and lake.layout.report(day).exists()


def _cell(known: _Known, day: Partition, *, has_report: bool) -> DayCell:
    return DayCell(
        date=day.date,
        condition=Condition(known.condition),
        rows=known.rows,
        missing=known.missing,
        sources=known.sources,
        has_report=has_report,
    )


def _find(
    lake: Lake,
    stored: Mapping[Instrument, Mapping[dt.date, _Stored]],
    old: _Memory,
    advance: Advance,
) -> dict[Partition, _Known]:
    """Find out what is known of every day: by what is kept, by footers, or by all there is."""
    found: dict[Partition, _Known] = {}
    told: dict[Partition, tuple[_Stored, _Footers]] = {}
    wanted = [
        (Partition(instrument, date), days.get(date))
        for instrument, days in stored.items()
        for date in _every_day(min(days), max(days))
    ]
    for done, (day, files) in enumerate(wanted):
        advance(done, len(wanted))
        kept = old.days.get(str(day))
        if files is not None and kept is not None and kept.files == files.fingerprint:
            found[day] = kept
        elif files is not None and (footers := _footers(lake, day, files)) is not None:
            told[day] = (files, footers)
        else:
            found[day] = _asked(lake, day)
    unproven = [day for day, (_, footers) in told.items() if not footers.condition.is_proven]
    proven_missing = verdicts.proven_missing_of(lake, unproven)
    for day, (files, footers) in told.items():
        if not footers.condition.is_proven and day not in proven_missing:
            found[day] = _asked(lake, day)
            continue
        trades = footers.trades
        missing = Coverage.of(trades.missing if trades else ())
        found[day] = _Known(
            files.fingerprint,
            footers.condition.value,
            trades.rows if trades else 0,
            len(missing | proven_missing.get(day, Coverage())),
            tuple(sorted(trades.sources)) if trades else (),
        )
    return found


def _asked(lake: Lake, day: Partition) -> _Known:
    """Tell a day by its status; its neighbours may have a part in it, so it is not kept."""
    status = status_of(lake, day)
    missing = len(Coverage.of(status.missing))
    return _Known("", status.condition, status.rows, missing, tuple(sorted(status.sources)))


def _every_day(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield dt.date.fromordinal(ordinal)


def _stored(lake: Lake) -> dict[Instrument, dict[dt.date, _Stored]]:
    """Every day that anything is stored of."""
    found: dict[Instrument, dict[dt.date, _Stored]] = {}
    for asset in (*_TOLD_BY, *(name for name in ASSETS if name not in _TOLD_BY)):
        for instrument in lake.layout.instruments(asset):
            days = found.setdefault(instrument, {})
            for date, directory in _dates(lake.layout.root / asset, instrument).items():
                if asset not in _TOLD_BY and date in days:
                    continue
                paths, fingerprint = _files(directory)
                if paths:
                    day = days.setdefault(date, _Stored())
                    day.paths[asset] = paths
                    day.fingerprint += f"{asset}:{fingerprint};"
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


def _files(directory: str) -> tuple[list[Path], str]:
    """Every committed Parquet file of a directory, and what changes when one is replaced."""
    found: list[Path] = []
    told: list[str] = []
    with contextlib.suppress(NotADirectoryError), os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".parquet") and not entry.name.startswith("."):
                stat = entry.stat()
                found.append(Path(entry.path))
                told.append(f"{entry.name},{stat.st_ino},{stat.st_size},{stat.st_mtime_ns}")
    return found, ",".join(told)


def _footers(lake: Lake, day: Partition, stored: _Stored) -> _Footers | None:
    """Read a day's footers, None where its verdicts are not about its trades as they lie."""
    paths = stored.paths
    if "verdicts" not in paths:
        return None
    try:
        judged = lake.file_manifest(paths["verdicts"][0])
        raw = paths.get("raw_trades", [])
        sealed = None
        if len(raw) != 1 and "daily_trades" in paths:
            sealed = lake.manifest("daily_trades", day)
        digest, trades = "", sealed
        if len(raw) == 1:
            trades = lake.file_manifest(raw[0])
            digest = trades.logical_hash if trades else ""
        elif raw:
            digest = digest_of(lake.parts("raw_trades", day))
            if sealed is None or sealed.parents.get("raw_trades") != digest:
                trades = lake.summary("raw_trades", day)
    except UnreadableInput:
        return None
    if judged is None or digest not in ("", judged.parents.get("raw_trades")):
        return None
    return _Footers(Condition(judged.parents["condition"]), trades)


def _recalled(lake: Lake) -> _Memory:
    """What was kept the last time; nothing where it cannot be read or is of another version."""
    try:
        data = (lake.layout.reports / _KEPT).read_bytes()
        found = msgspec.msgpack.decode(data, type=_Memory)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Memory()
    return found if found.version == _VERSION else _Memory()
