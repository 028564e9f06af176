"""Rows of instruments between two instants, from as few files and columns as they need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import polars as pl

from crypto_assets.errors import InvalidName, NothingStored
from crypto_assets.lake.draft import scan_files
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import STORED
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.span import Span
from crypto_assets.model.tables import BARS, TIME, Table
from crypto_assets.pipeline import views
from crypto_assets.pipeline.proof import Proof, prove
from crypto_assets.pipeline.views import VIEWS
from crypto_assets.transforms.rollup import roll_up

LABELS = pl.Schema({"venue": pl.String(), "symbol": pl.String()})
"""What stands before the columns of every row."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def table_of(view: str) -> Table:
    """Give the table of a view's rows."""
    return STORED[VIEWS[view][0]].table


def wanted_columns(table: Table, columns: Sequence[str] | None) -> list[str]:
    """Hold columns against a table, all of it where none is named; without the labels.

    Raises:
        InvalidName: the table has no such column.
    """
    known = table.schema.names()
    wanted = known if columns is None else list(dict.fromkeys(columns))
    wanted = [name for name in wanted if name not in LABELS]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidName(
            f"columns {', '.join(map(repr, unknown))} of {table.name}: expected some of "
            f"{', '.join(known)}",
        )
    return wanted


def scan(
    lake: Lake,
    view: str,
    instruments: Collection[Instrument],
    span: Span,
    columns: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Read the rows of instruments within a span, ascending by instrument and id, or time.

    Only the days of the span are looked for, and of a day that is not whole in it a predicate
    keeps the row groups out that lie outside.

    Returns:
        ``venue`` and ``symbol``, then the columns asked for in their order.

    Raises:
        InvalidName: there is no such column.
        UnreadableInput: a manifest cannot be read.
    """
    table = table_of(view)
    wanted = wanted_columns(table, columns)
    frames = [
        frame.select(
            pl.lit(instrument.venue).alias("venue"),
            pl.lit(instrument.symbol).alias("symbol"),
            *wanted,
        )
        for instrument in sorted(set(instruments))
        for frame in _frames(lake, view, instrument, span)
    ]
    if not frames:
        return pl.Schema({**LABELS, **{n: table.schema[n] for n in wanted}}).to_frame().lazy()
    return pl.concat(frames)


def _frames(lake: Lake, view: str, instrument: Instrument, span: Span) -> Iterator[pl.LazyFrame]:
    """Read days in order, those side by side that are whole in the span as one scan."""
    time = table_of(view).time
    assert time is not None  # noqa: S101 - every view that is read by instants has one
    side_by_side: list[Path] = []
    for day in span.days(instrument):
        held = views.day(lake, view, day)
        if held is None:
            continue
        if held.merged is None and span.covers(day):
            side_by_side.extend(held.files)
            continue
        if side_by_side:
            yield scan_files(side_by_side)
            side_by_side = []
        rows = held.scan()
        yield rows if span.covers(day) else rows.filter(_within(time, span))
    if side_by_side:
        yield scan_files(side_by_side)


def _within(time: str, span: Span) -> pl.Expr:
    start, end = (
        pl.lit(_EPOCH + dt.timedelta(microseconds=at), dtype=TIME)
        for at in (span.start_us, span.end_us)
    )
    return (pl.col(time) >= start) & (pl.col(time) < end)


def scan_bars(
    lake: Lake,
    instruments: Collection[Instrument],
    span: Span,
    interval: Interval,
    columns: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Read the bars that open within a span; longer ones are rolled up from all their seconds."""
    if interval is Interval.SECOND:
        return scan(lake, "bars_1s", instruments, span, columns)
    wanted = wanted_columns(BARS, columns)
    seconds = scan(lake, "bars_1s", instruments, span.opening(interval.microseconds))
    return roll_up(seconds, interval, by=tuple(LABELS)).select(*LABELS, *wanted)


def proofs(
    lake: Lake,
    view: str,
    instruments: Collection[Instrument],
    span: Span,
) -> list[Proof]:
    """Say of every day that has an instant of a span whether what is read of it is complete."""
    return [
        prove(lake, view, day, views.day(lake, view, day))
        for instrument in sorted(set(instruments))
        for day in span.days(instrument)
    ]


def hold_there(lake: Lake) -> None:
    """Refuse a lake that is not there: its name may be misspelt.

    Raises:
        NothingStored: there is no such directory.
    """
    if not lake.layout.root.is_dir():
        raise NothingStored(f"lake {lake.layout.root}: expected a directory, found none")
