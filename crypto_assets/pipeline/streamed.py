"""The table ``trade_stream`` held against the lake: how far it is, and what it lacks, by id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.pipeline.query import VIEWS
from crypto_assets.sinks import duckdb_stream
from crypto_assets.transforms.difference import Difference, difference
from crypto_assets.venues import venue

_WINDOW_US = 3_600_000_000
"""An hour at a time is compared; the busiest one of a busy symbol has two million trades."""
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
    return [
        _standing(lake, Instrument(str(name), str(symbol)), days, ids)
        for (name, symbol), days in found.items()
    ]


def _standing(
    lake: Lake,
    instrument: Instrument,
    days: pl.DataFrame,
    ids: dict[Instrument, Coverage],
) -> Standing:
    first: dt.date = days["date"].to_list()[0]
    stored = {day for day in _stored(lake) if day.instrument == instrument and day.date >= first}
    if venue(instrument.venue).numbering is Numbering.SEQUENCE:
        here = Coverage.of(span for day in stored for span in lake.coverage(day).ranges)
        lag = len(here - ids.get(instrument, Coverage()))
    else:
        counted = dict(days.select("date", "rows").iter_rows())
        lag = sum(max(0, _rows(lake, day) - counted.get(day.date, 0)) for day in stored)
    return Standing(instrument, int(days["rows"].sum()), int(days["newest"].to_list()[-1]), lag)


def _stored(lake: Lake) -> set[Partition]:
    return {day for asset in VIEWS["trades"] for day in lake.layout.partitions(asset)}


def _asset(lake: Lake, day: Partition) -> str | None:
    """Where a day's trades are read from: its sealed file, else its hot ones."""
    return next((asset for asset in VIEWS["trades"] if lake.layout.files(asset, day)), None)


def _rows(lake: Lake, day: Partition) -> int:
    asset = _asset(lake, day)
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
    other values. When we received a trade is not compared. An hour is in memory at a time, and the
    file is held no longer than one is read.

    Raises:
        FileHeld: another process held the file all the time.
        UnreadableInput: the lake's file cannot be read.
    """
    found, asset, path = Difference(), _asset(lake, day), lake.layout.trade_stream
    for start in range(day.start_us, day.end_us, _WINDOW_US):
        end = start + _WINDOW_US
        ours = theirs = TRADES.schema.to_frame()
        if asset is not None:
            at = pl.col("ts_event").to_physical()
            with readable(str(day)):
                ours = lake.scan(asset, day).filter(at >= start, at < end).collect()
        if path.exists():
            theirs = duckdb_stream.rows_between(path, day.instrument, start, end)
        found |= difference(theirs, ours, TRADES)
    return found
