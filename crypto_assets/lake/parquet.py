"""One table's Parquet file: how its columns are encoded, and what its footer says."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import SchemaMismatch, UnreadableInput
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.tables import TABLES, Table

MANIFEST_KEY = b"crypto_assets.manifest"
ROW_GROUP_ROWS = 1_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OLDEST = pl.CompatLevel.oldest()


def arrow_schema(table: Table) -> pa.Schema:
    """Derive the Arrow schema written to disk; text is ``string``, which every reader takes."""
    types = table.schema.to_frame().to_arrow(compat_level=_OLDEST).schema
    columns = table.model.to_schema().columns
    return pa.schema(
        pa.field(
            field.name,
            pa.string() if pa.types.is_large_string(field.type) else field.type,
            nullable=columns[field.name].nullable,
        )
        for field in types
    )


class TableWriter:
    """Write frames of one table to a new file, in bounded memory.

    Ids and times are delta-packed and decimals dictionary-encoded under zstd: about a third of
    the exchange's zip.
    """

    def __init__(self, path: Path, table: Table) -> None:
        self._schema = arrow_schema(table)
        packed = [
            field.name
            for field in self._schema
            if pa.types.is_timestamp(field.type) or pa.types.is_int64(field.type)
        ]
        self._pending: list[pl.DataFrame] = []
        self._pending_rows = 0
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[field.name for field in self._schema if field.name not in packed],
            column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"),
            store_decimal_as_integer=True,
            write_page_index=True,
        )

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows; row groups hold :data:`ROW_GROUP_ROWS` rows however the frames are cut."""
        self._pending.append(frame)
        self._pending_rows += frame.height
        while self._pending_rows >= ROW_GROUP_ROWS:
            self._flush(ROW_GROUP_ROWS)

    def end_group(self) -> None:
        """Write what is pending as a shorter row group: the file's last, if it is to stay."""
        if self._pending_rows:
            self._flush(self._pending_rows)

    def _flush(self, rows: int) -> None:
        whole = pl.concat(self._pending)
        group = whole.head(rows)
        rest = whole.slice(rows)
        arrow = group.to_arrow(compat_level=_OLDEST).cast(self._schema)
        self._writer.write_table(arrow, row_group_size=ROW_GROUP_ROWS)
        self._pending = [] if rest.is_empty() else [rest]
        self._pending_rows = rest.height

    def close(self, manifest: Manifest) -> None:
        """Write what is left and the manifest into the footer."""
        self.end_group()
        self._writer.add_key_value_metadata({MANIFEST_KEY: manifest.encode()})
        self._writer.close()

    def abandon(self) -> None:
        """Close the file without a manifest; it is about to be removed."""
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself."""

    manifest: Manifest
    rows: int
    schema: pl.Schema
    row_group_keys: tuple[tuple[int, int], ...]
    """Lowest and highest id of each row group, or time in microseconds; empty without one."""


def read_manifest(path: Path) -> Manifest:
    """Read one file's manifest; that of an unchanged file is read once a process.

    Raises:
        UnreadableInput: the file is not Parquet, or has no manifest of ours.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableInput(f"{path}: expected a Parquet file, found {error}") from error
    return _read_once(path, found.st_ino, found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=4096)
def _read_once(path: Path, _inode: int, _changed_ns: int, _size: int) -> Manifest:
    return _manifest(path, _metadata(path))


def _metadata(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInput(f"{path}: expected a Parquet file, found {error}") from error


def _manifest(path: Path, metadata: pq.FileMetaData) -> Manifest:
    text = (metadata.metadata or {}).get(MANIFEST_KEY)
    if text is None:
        raise UnreadableInput(f"{path}: expected a manifest in the footer, found none")
    try:
        return Manifest.decode(text)
    except ValueError as error:
        raise UnreadableInput(f"{path}: its manifest is not one of ours: {error}") from error


def group_rows(path: Path) -> list[int]:
    """Count the rows of each of a file's row groups.

    Raises:
        UnreadableInput: the file is not Parquet.
    """
    metadata = _metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def read_footer(path: Path) -> Footer:
    """Read one file's footer.

    Raises:
        UnreadableInput: the file is not Parquet, or has no manifest of ours.
    """
    metadata = _metadata(path)
    manifest = _manifest(path, metadata)
    table = TABLES.get(manifest.table)
    if table is None:
        raise SchemaMismatch(f"{path}: its manifest names an unknown table {manifest.table!r}")
    schema = pl.scan_parquet(path, hive_partitioning=False, glob=False).collect_schema()
    return Footer(manifest, metadata.num_rows, schema, _row_group_keys(metadata, table))


def _row_group_keys(metadata: pq.FileMetaData, table: Table) -> tuple[tuple[int, int], ...]:
    ascending = table.id or table.time
    if ascending is None or ascending not in metadata.schema.names:
        return ()
    column = metadata.schema.names.index(ascending)
    statistics = (
        metadata.row_group(group).column(column).statistics
        for group in range(metadata.num_row_groups)
    )
    return tuple(
        (_number(found.min), _number(found.max))
        for found in statistics
        if found is not None and found.has_min_max
    )


def _number(value: int | dt.datetime) -> int:
    if isinstance(value, int):
        return value
    return (value - _EPOCH) // dt.timedelta(microseconds=1)
