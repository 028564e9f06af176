"""The table ``trade_stream`` held against the lake: how far it is, and what it lacks, by id."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.pipeline.views import VIEWS, asset_of
from crypto_assets.sinks import duckdb_stream
from crypto_assets.sinks.duckdb_stream import HOUR_US
from crypto_assets.transforms.difference import Difference, difference
from crypto_assets.venues import venue

HELD_ROWS = 2_000_000
"""So many trades of both are compared at a time; an hour is not cut."""
_RECORDED = frozenset({"stream", "rest"})
"""What is published by itself: recordings, and what was fetched to heal them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the stream is with one instrument."""

    instrument: Instrument
    rows: int
    newest_id: int
    lag: int
    """Trades of the lake that are not in the stream, since the stream's first day: by their ids,
    or by their number where ids are opaque."""


def standing(lake: Lake) -> list[Standing]:
    """Say how far the stream is with each instrument it holds.

    Raises:
        FileHeld: another process held the file all the time.
    """
    path = lake.layout.trade_stream
    if not path.exists():
        return []
    with duckdb_stream.opened(path, read_only=True) as connection:
        ids = duckdb_stream.coverage(connection)
    found = duckdb_stream.days(path).partition_by("venue", "symbol", as_dict=True)
    stored = _stored(lake)
    return [
        _standing(lake, Instrument(str(name), str(symbol)), days, ids, stored)
        for (name, symbol), days in found.items()
    ]


def _standing(
    lake: Lake,
    instrument: Instrument,
    days: pl.DataFrame,
    ids: dict[Instrument, Coverage],
    every: Collection[Partition],
) -> Standing:
    first: dt.date = days["date"].to_list()[0]
    stored = {day for day in every if day.instrument == instrument and day.date >= first}
    if venue(instrument.venue).numbering is Numbering.SEQUENCE:
        here = Coverage.of(span for day in stored for span in lake.coverage(day).ranges)
        lag = len(here - ids.get(instrument, Coverage()))
    else:
        counted = dict(days.select("date", "rows").iter_rows())
        lag = sum(max(0, _rows(lake, day) - counted.get(day.date, 0)) for day in stored)
    return Standing(instrument, int(days["rows"].sum()), int(days["newest"].to_list()[-1]), lag)


def _stored(lake: Lake) -> set[Partition]:
    return {day for asset in VIEWS["trades"] for day in lake.layout.partitions(asset)}


def _rows(lake: Lake, day: Partition) -> int:
    asset = asset_of(lake, "trades", day)
    found = None if asset is None else lake.summary(asset, day)
    return 0 if found is None else found.rows


def expected(lake: Lake, dates: Collection[dt.date]) -> list[Partition]:
    """Find the days, of some dates, that should be in the stream or are.

    That is what was recorded or fetched of the lake's days, whatever else there is of them.
    """
    wanted = {
        day
        for day in _stored(lake)
        if day.date in dates
        and any(
            entry.source in _RECORDED
            for asset in VIEWS["trades"]
            for part in lake.parts(asset, day)
            for entry in part.manifest.inputs
        )
    }
    path = lake.layout.trade_stream
    if path.exists():
        wanted |= {
            Partition(Instrument(name, symbol), date)
            for name, symbol, date in duckdb_stream.days(path)
            .select("venue", "symbol", "date")
            .iter_rows()
            if date in dates
        }
    return sorted(wanted)


def difference_of(lake: Lake, day: Partition) -> Difference:
    """Hold a day of the stream against the lake's: sealed where it is sealed, hot elsewhere.

    ``added`` are ids only the lake has, ``removed`` those only the stream has, ``changed`` have
    other values. When we received a trade is not compared. Some hours are in memory at a time, and
    the file is held no longer than they are read.

    Raises:
        FileHeld: another process held the file all the time.
        UnreadableInput: the lake's file cannot be read.
    """
    found, asset, path = Difference(), asset_of(lake, "trades", day), lake.layout.trade_stream
    at = pl.col("ts_event").to_physical()
    counts: Counter[int] = Counter()
    if asset is not None:
        with readable(str(day)):
            hours = lake.scan(asset, day).group_by(at // HOUR_US).len().collect()
        counts.update(dict(hours.iter_rows()))
    if path.exists():
        counts.update(duckdb_stream.hours(path, day))
    for start, end in spans(counts, HELD_ROWS):
        ours = theirs = TRADES.schema.to_frame()
        if asset is not None:
            within = lake.scan(asset, day).filter(at >= start * HOUR_US, at < end * HOUR_US)
            with readable(str(day)):
                ours = within.collect()
        if path.exists():
            between = start * HOUR_US, end * HOUR_US
            theirs = duckdb_stream.rows_between(path, day.instrument, *between)
        found |= difference(theirs, ours, TRADES)
    return found


def spans(counts: Mapping[int, int], most: int) -> Iterator[Range]:
    """Put hours that have rows into spans ``[first, end)`` of at most so many rows, or of one hour.

    Every hour with rows is in exactly one span; spans ascend.
    """
    start: int | None = None
    end = rows = 0
    for hour in sorted(counts):
        if start is not None and rows + counts[hour] > most:
            yield start, end
            start, rows = None, 0
        start = hour if start is None else start
        end, rows = hour + 1, rows + counts[hour]
    if start is not None:
        yield start, end
