"""Sort what arrives in any order, in bounded memory: an external merge sort over scratch files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from crypto_assets.lake.draft import Draft, Spool, frames_of
from crypto_assets.lake.parquet import ROW_GROUP_ROWS
from crypto_assets.lake.parts import Part, scan_parts, summarise
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import TRADES, Table
from crypto_assets.transforms.merge import merge


class Runs:
    """Rows of one table and partition on their way to being sorted, each id once.

    Rows that come in order go to the file they will stay in, a row group at a time. Others are
    held in memory until :meth:`spill` writes them, sorted, to a run in ``scratch``.
    """

    def __init__(
        self,
        table: Table,
        scratch: Path,
        numbering: Numbering = Numbering.SEQUENCE,
    ) -> None:
        if table.id is None:
            raise ValueError(f"{table.name} has no id to sort by")
        self._table = table
        self._id = table.id
        self._numbering = numbering
        self._scratch = scratch
        self._held: list[pl.DataFrame] = []
        self._runs: list[Part] = []
        self._last: int | None = None
        self._may_grow = True
        self.begun: Spool | None = None
        """The file that holds the first rows already, in its final encoding."""
        self.rows_held = 0
        self.disordered = 0
        """Rows that came with a lower id than the row before, or at an earlier time of opaque
        ones."""
        self.duplicates = 0
        """Rows dropped because their id was there already."""
        self.conflicts: tuple[int, ...] = ()
        """Ids that came with different contents."""

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows as they came."""
        if frame.is_empty():
            return
        order = self._order(frame)
        self.disordered += int((order.diff() < 0).sum())
        self.disordered += int(self._last is not None and order[0] < self._last)
        self._last = int(order[-1])
        self._hold(frame)
        if self._may_grow and self.rows_held >= ROW_GROUP_ROWS:
            merged = self._merge_held()
            whole = merged.height // ROW_GROUP_ROWS * ROW_GROUP_ROWS
            self._write(merged.head(whole))
            self._hold(merged.slice(whole))

    def _order(self, frame: pl.DataFrame) -> pl.Series:
        """What rows are expected to come in the order of."""
        if self._numbering is Numbering.SEQUENCE or self._table.time is None:
            return frame[self._id]
        return frame[self._table.time].to_physical() // self._numbering.resolution_us

    def _hold(self, frame: pl.DataFrame) -> None:
        if not frame.is_empty():
            self._held.append(frame)
            self.rows_held += frame.height

    def spill(self) -> None:
        """Sort what is held and write it to the disk."""
        self._write(self._merge_held())
        if self.begun is not None and self._may_grow:
            # Should more come, a file with a short row group inside is not the one to keep.
            self.begun.end_group()
            self._may_grow = False

    def _write(self, merged: pl.DataFrame) -> None:
        """Append to the file that was begun, or write a run where that cannot be."""
        if merged.is_empty():
            return
        if not (self._may_grow and self._follows(merged)):
            self._may_grow = False
            self._write_run(merged)
            return
        if self.begun is None:
            name = self._table.name
            self.begun = Spool(self._next_path(), self._table, name, self._numbering)
        self.begun.add_soon(merged)

    def _follows(self, merged: pl.DataFrame) -> bool:
        last = None if self.begun is None else self.begun.last_id
        return last is None or int(merged[self._id][0]) > last

    def _next_path(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        # Where rows of one id disagree the larger run's is kept, then the first by name.
        number = len(self._runs) + (self.begun is not None)
        return self._scratch / f"{number:06}.parquet"

    def _write_run(self, merged: pl.DataFrame) -> None:
        ids = merged[self._id]
        path = self._next_path()
        merged.write_parquet(path, compression="lz4", row_group_size=250_000)
        is_numbered = self._table is TRADES and self._numbering is Numbering.SEQUENCE
        covered = Coverage.of_ids(ids) if is_numbered else Coverage()
        times = merged[self._table.time or self._id].to_physical()
        manifest = Manifest(
            table=self._table.name,
            venue="",
            symbol="",
            date="",
            rows=merged.height,
            logical_hash=path.name,
            schema_version=self._table.version,
            writer="",
            first_id=int(ids[0]),
            last_id=int(ids[-1]),
            missing=covered.missing,
            first_us=times.min(),  # type: ignore[arg-type]
            last_us=times.max(),  # type: ignore[arg-type]
            numbering=self._numbering,
        )
        self._runs.append(Part(path, manifest))

    def drain(self) -> Iterator[pl.DataFrame]:
        """Give every row once, ascending by id, but for those in the file that was begun.

        The counts, and whether a file was begun, are final when this returns.
        """
        last = self._merge_held() if self._held else None
        if not self._runs and (last is None or (self._may_grow and self._follows(last))):
            return iter([] if last is None else [last])
        self._may_grow = False
        if last is not None:
            self._write(last)
        if self.begun is not None:
            manifest = self.begun.close("", "", "", Draft(rows=()))
            self._runs.insert(0, Part(self.begun.path, manifest))
            self.begun = None
        if len(self._runs) > 1:
            whole = summarise(self._runs, self._table)
            self.duplicates += whole.duplicates
            self.conflicts = tuple(sorted({*self.conflicts, *whole.conflicts}))
        return frames_of(scan_parts(self._runs, self._table))

    def _merge_held(self) -> pl.DataFrame:
        whole = pl.concat(self._held)
        self._held.clear()
        self.rows_held = 0
        merged = merge([whole], self._table)
        self.duplicates += merged.duplicates
        self.conflicts = tuple(sorted({*self.conflicts, *merged.conflicts}))
        return merged.frame
