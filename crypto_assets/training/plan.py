"""Which rows of which sealed files are trained on: row groups, whole or in part, as shards."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from crypto_assets.errors import Incomplete, InvalidName
from crypto_assets.lake.draft import readable, scan_files
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.lake.parquet import group_rows
from crypto_assets.model.coverage import Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition
from crypto_assets.model.span import Span
from crypto_assets.model.tables import Table
from crypto_assets.pipeline import views
from crypto_assets.pipeline.proof import hold_complete, prove
from crypto_assets.pipeline.reading import hold_there, table_of

Unproven = Literal["refuse", "skip"]
"""What becomes of days that are not proven complete: nothing is trained on them either way."""
_PROVABLE = ("trades", "bars_1s")


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows side by side within one row group of a sealed file."""

    path: Path
    group_start: int
    """The first row of the row group in the file."""
    group_rows: int
    start: int
    """The first row that is taken, counted in the row group."""
    rows: int
    instrument: int
    """Which of the plan's instruments it is of."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every row that is read in one epoch, each once."""

    table: Table
    instruments: tuple[Instrument, ...]
    shards: tuple[Shard, ...]
    contents: str
    """A sha256 over what the files hold and which of their rows are read."""

    @property
    def rows(self) -> int:
        """How many rows an epoch has."""
        return sum(shard.rows for shard in self.shards)


def proven_days(
    lake: Lake,
    view: str,
    instruments: Collection[Instrument],
    span: Span,
    unproven: Unproven = "refuse",
) -> list[views.Held]:
    """Find what is sealed of the days of a span, by instrument and day.

    Raises:
        Incomplete: a day is not proven complete or not sealed, and none is to be skipped.
        InvalidName: the view cannot be proven, or ``unproven`` is neither word.
        NothingStored: the lake itself is not there.
    """
    if unproven not in ("refuse", "skip"):
        raise InvalidName(f"unproven {unproven!r}: expected refuse or skip")
    if view not in _PROVABLE:
        raise InvalidName(f"view {view!r}: expected one of {', '.join(_PROVABLE)}")
    hold_there(lake)
    proofs, found = [], []
    for instrument in sorted(set(instruments)):
        for day in span.days(instrument):
            held = views.day(lake, view, day)
            proof = prove(lake, view, day, held)
            proofs.append(proof)
            if held is not None and proof.is_complete:
                found.append(held)
    if unproven == "refuse":
        hold_complete(proofs)
        hot = [str(held.partition) for held in found if not held.is_sealed]
        if hot:
            raise Incomplete(f"expected sealed days, found days still to be built: {hot}")
    return [held for held in found if held.is_sealed]


def plan(
    lake: Lake,
    view: str,
    instruments: Collection[Instrument],
    span: Span,
    unproven: Unproven = "refuse",
) -> Plan:
    """Plan to read every row of sealed days whose event time lies in a span.

    Raises:
        Incomplete: a day is not proven complete or not sealed, and none is to be skipped.
        InvalidName: the view cannot be proven, or ``unproven`` is neither word.
        NothingStored: the lake itself is not there.
    """
    found = proven_days(lake, view, instruments, span, unproven)
    table = table_of(view)
    names = tuple(sorted(set(instruments)))
    shards: list[Shard] = []
    digest = hashlib.sha256()
    for held in found:
        (path,) = held.files
        manifest = lake.file_manifest(path)
        assert manifest is not None  # noqa: S101 - it is held
        index = names.index(held.partition.instrument)
        added = list(_shards(path, table, held.partition, span, index))
        shards.extend(added)
        said = [str(held.partition), manifest.logical_hash, str(read_sidecar(path))]
        rows = [f"{one.group_start}+{one.start}+{one.rows}" for one in added]
        digest.update("\n".join([*said, *rows, ""]).encode())
    return Plan(table, names, tuple(shards), digest.hexdigest())


def _shards(
    path: Path,
    table: Table,
    day: Partition,
    span: Span,
    instrument: int,
) -> Iterator[Shard]:
    start = 0
    for rows in group_rows(path):
        runs = [(0, rows)]
        if not span.covers(day):
            runs = _runs(path, table, span, start, rows)
        for first, stop in runs:
            yield Shard(path, start, rows, first, stop - first, instrument)
        start += rows


def _runs(path: Path, table: Table, span: Span, start: int, rows: int) -> list[Range]:
    """Find the rows of a row group whose time lies in a span: times may run backwards."""
    assert table.time is not None  # noqa: S101 - every view that is trained on has one
    with readable(str(path)):
        times = scan_files([path]).select(pl.col(table.time).to_physical()).slice(start, rows)
        found = times.collect().to_series().to_numpy()
    is_in = (found >= span.start_us) & (found < span.end_us)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]]).astype(np.int8)))
    firsts, stops = edges[::2].tolist(), edges[1::2].tolist()
    return list(zip(firsts, stops, strict=True))
