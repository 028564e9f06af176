"""Rows on their way to becoming a file: written once, described as they pass, read back."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from crypto_assets import __version__
from crypto_assets.errors import CommitFailed, SchemaMismatch, UnreadableInput
from crypto_assets.lake.hashing import LogicalHash
from crypto_assets.lake.parquet import ROW_GROUP_ROWS, TableWriter, read_footer
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.manifest import Input, Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES, Table
from crypto_assets.transforms.merge import ascends

BATCH_ROWS = 1_000_000
CONFLICTS_LISTED = 1_000
WRITER = f"crypto-assets {__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Rows on their way to becoming a file, and what is known of them beforehand.

    ``rows`` have the table's columns, ascend by its id or time, and have each key once.
    """

    rows: pl.LazyFrame | Iterable[pl.DataFrame]
    begun: Spool | None = None
    """A file that holds the rows before these already."""
    name: str | None = None
    """The file's name without its suffix; None for the partition's only file."""
    version: int = 1
    inputs: tuple[Input, ...] = ()
    parents: dict[str, str] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: tuple[int, ...] = ()
    disordered: int = 0
    unreadable: int = 0
    recorded: tuple[Range, ...] = ()
    numbering: Numbering = Numbering.SEQUENCE


def scan_files(paths: Sequence[Path], path_column: str | None = None) -> pl.LazyFrame:
    """Scan committed files of one table in the order given, only the columns they hold.

    ``path_column`` is one more column, of the file each row lies in.
    """
    return pl.scan_parquet(
        list(paths),
        hive_partitioning=False,
        glob=False,
        include_file_paths=path_column,
    )


@contextlib.contextmanager
def readable(subject: str) -> Iterator[None]:
    """Translate what polars says of damaged files, and of numbers that outgrow their column.

    Raises:
        UnreadableInput: rows could not be read or computed.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        why = str(error).splitlines()[0]
        raise UnreadableInput(f"{subject}: expected readable rows, found {why}") from error


def frames_of(rows: pl.LazyFrame | Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Stream rows as frames, in order and in bounded memory."""
    if isinstance(rows, pl.LazyFrame):
        yield from rows.collect_batches(
            chunk_size=BATCH_ROWS,
            maintain_order=True,
            engine="streaming",
        )
    else:
        yield from rows


class _Description:
    """What a file turns out to hold, learned frame by frame as it is written."""

    def __init__(self, table: Table, subject: str, numbering: Numbering) -> None:
        self.table = table
        self.subject = subject
        self.numbering = numbering
        self.digest = LogicalHash(table)
        self.rows = 0
        self.inversions = 0
        self.ids: tuple[int, int] | None = None
        self.ranges: list[Range] = []
        self.times: tuple[int, int] | None = None
        self._last_time: int | None = None
        self._last_row: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        if frame.schema != self.table.schema:
            raise SchemaMismatch(
                f"{self.subject}: expected {dict(self.table.schema)}, found {dict(frame.schema)}",
            )
        if frame.is_empty():
            return
        self.digest.update(frame)
        self.rows += frame.height
        if self.table.id is not None:
            self._add_ids(frame.select(self.table.key))
        if self.table.time is not None:
            self._add_times(frame[self.table.time].to_physical())

    def _add_ids(self, keys: pl.DataFrame) -> None:
        ids = keys.to_series()
        first, last = int(ids[0]), int(ids[-1])
        before, self._last_row = self._last_row, keys.tail(1)
        follows = before is None or ascends(pl.concat([before, keys.head(1)]), self.table)
        if not follows or not ascends(keys, self.table):
            raise CommitFailed(f"{self.subject}: expected ascending {self.table.id}, each once")
        self.ids = (first if self.ids is None else self.ids[0], last)
        if self.table is TRADES and self.numbering is Numbering.SEQUENCE:
            self.ranges.extend(Coverage.of_ids(ids).ranges)

    def _add_times(self, times: pl.Series) -> None:
        clock = times // self.numbering.resolution_us
        back = int((clock.diff() < 0).sum())
        back += int(self._last_time is not None and clock[0] < self._last_time)
        self._last_time = int(clock[-1])
        lowest, highest = (int(value) for value in (times.min(), times.max()))  # type: ignore[arg-type]
        if self.times is not None:
            lowest, highest = min(lowest, self.times[0]), max(highest, self.times[1])
        self.times = (lowest, highest)
        self.inversions += back
        if back and self.table.id is None:
            raise CommitFailed(f"{self.subject}: expected ascending {self.table.time}")


class Spool:
    """A file being written in its final encoding, described as it grows."""

    def __init__(
        self,
        path: Path,
        table: Table,
        subject: str,
        numbering: Numbering = Numbering.SEQUENCE,
    ) -> None:
        self.path = path
        self._description = _Description(table, subject, numbering)
        self._writer = TableWriter(path, table)
        self._thread = ThreadPoolExecutor(1, "write")
        self._adding: Future[None] | None = None

    @property
    def last_id(self) -> int | None:
        """The highest id in it."""
        self._wait()
        return self._description.ids and self._description.ids[1]

    def add_soon(self, frame: pl.DataFrame) -> None:
        """Append rows as :meth:`add` does, while the caller goes on.

        Hashing and encoding let go of the interpreter. What they raise comes out of the next call.
        """
        self._wait()
        self._adding = self._thread.submit(self._add, [frame])

    def _wait(self) -> None:
        adding, self._adding = self._adding, None
        if adding is not None:
            adding.result()

    def add(self, rows: pl.LazyFrame | Iterable[pl.DataFrame]) -> None:
        """Append rows that ascend from the last one's key.

        Raises:
            SchemaMismatch: a frame's columns are not the table's.
            CommitFailed: ids or times do not ascend.
            UnreadableInput: the rows cannot be read or computed.
        """
        self._wait()
        self._add(rows)

    def _add(self, rows: pl.LazyFrame | Iterable[pl.DataFrame]) -> None:
        with readable(self._description.subject):
            for frame in frames_of(rows):
                self._description.add(frame)
                self._writer.write(frame)

    def end_group(self) -> None:
        """Write what is pending; the file is as one written whole if nothing follows."""
        self._wait()
        self._writer.end_group()

    def close(self, venue: str, symbol: str, date: str, draft: Draft) -> Manifest:
        """Write the manifest; ``draft`` tells what the rows themselves do not."""
        self._wait()
        self._thread.shutdown()
        description = self._description
        ids, times = description.ids, description.times
        manifest = Manifest(
            table=description.table.name,
            venue=venue,
            symbol=symbol,
            date=date,
            rows=description.rows,
            logical_hash=description.digest.hexdigest(),
            schema_version=description.table.version,
            writer=WRITER,
            version=draft.version,
            inputs=_counted(draft.inputs, description.rows),
            parents=draft.parents,
            first_id=ids and ids[0],
            last_id=ids and ids[1],
            missing=Coverage.of(description.ranges).missing,
            first_us=times and times[0],
            last_us=times and times[1],
            inversions=description.inversions,
            duplicates=draft.duplicates,
            conflicts=draft.conflicts[:CONFLICTS_LISTED],
            disordered=draft.disordered,
            unreadable=draft.unreadable,
            recorded=draft.recorded,
            numbering=description.numbering,
        )
        self._writer.close(manifest)
        return manifest

    def abandon(self) -> None:
        """Close the file without a manifest; it is about to be removed."""
        self._thread.shutdown()
        self._writer.abandon()


def write(path: Path, table: Table, partition: Partition, draft: Draft) -> Manifest:
    """Write a draft to a new file and describe it.

    Raises:
        SchemaMismatch: a frame's columns are not the table's.
        CommitFailed: ids or times do not ascend.
        UnreadableInput: the rows cannot be read or computed.
    """
    subject = f"{table.name} of {partition}"
    spool = draft.begun or Spool(path, table, subject, draft.numbering)
    try:
        spool.add(draft.rows)
        manifest = spool.close(
            partition.instrument.venue,
            partition.instrument.symbol,
            partition.date.isoformat(),
            draft,
        )
    except BaseException:
        spool.abandon()
        raise
    if spool.path != path:
        shutil.move(spool.path, path)
    return manifest


def _counted(inputs: tuple[Input, ...], rows: int) -> tuple[Input, ...]:
    """Say of the only input that all rows came from it."""
    if len(inputs) != 1:
        return inputs
    return (msgspec.structs.replace(inputs[0], rows=rows),)


def read_back(path: Path, table: Table, manifest: Manifest) -> None:
    """Open a written file again and hold it against its manifest.

    Raises:
        CommitFailed: the footer, the row count or the values differ.
    """
    footer = read_footer(path)
    if footer.manifest != manifest or footer.rows != manifest.rows:
        raise CommitFailed(
            f"{path.name}: expected {manifest.rows} rows, its footer says {footer.rows}",
        )
    found = hash_of(path, table)
    if found != manifest.logical_hash:
        raise CommitFailed(
            f"{path.name}: expected logical hash {manifest.logical_hash}, read back {found}",
        )


def hash_of(rows: Path | pl.LazyFrame, table: Table) -> str:
    """Compute the logical hash of a file's or a frame's values, in bounded memory.

    Raises:
        UnreadableInput: the rows cannot be read or computed.
    """
    digest = LogicalHash(table)
    is_file = isinstance(rows, Path)
    frame = (scan_files([rows]) if isinstance(rows, Path) else rows).select(table.hashed)
    with readable(str(rows) if is_file else table.name):
        for part in _row_groups(frame) if is_file else frames_of(frame):
            digest.update(part)
            del part  # or the next one is read beside it
    return digest.hexdigest()


def _row_groups(file: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Read a file a row group at a time: streaming would read many of them ahead."""
    rows = int(file.select(pl.len()).collect().item())
    for start in range(0, rows, ROW_GROUP_ROWS):
        yield file.slice(start, ROW_GROUP_ROWS).collect(engine="streaming")
