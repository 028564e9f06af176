"""Prices appended to a CSV file that others read: each once, and mended where a line is torn."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import polars as pl

from crypto_assets.errors import CommitFailed, SchemaMismatch
from crypto_assets.model.tables import PRICE_SNAPSHOTS

_KEY = ("ts_updated", "coin", "currency")
_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"
_HEADER = (",".join(PRICE_SNAPSHOTS.schema) + "\n").encode()
_BLOCK = 1 << 16


def append(rows: pl.DataFrame, path: Path) -> int:
    """Append prices that the file lacks, in the order given, and say how many.

    Times are UTC with six places, decimals have all their 18. The file is held alone meanwhile; a
    last line that a kill or a full disk left without its end is cut off first. Appending the same
    rows again changes nothing.

    Raises:
        SchemaMismatch: the file has other columns.
        CommitFailed: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = _mended(file.fileno())
            if size:
                _hold_header(path)
            lines = _lines(rows, path, has_rows=size > len(_HEADER))
            data = lines.write_csv(
                include_header=not size,
                datetime_format=_FORMAT,
            ).encode()
            if lines.is_empty() and size:
                return 0
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            return lines.height
    except OSError as error:
        raise CommitFailed(f"{path}: expected a file to append to, found {error}") from error


def _mended(descriptor: int) -> int:
    """Cut off what follows the last whole line; give how many bytes are left."""
    end = at = os.fstat(descriptor).st_size
    while at:
        start = max(at - _BLOCK, 0)
        found = os.pread(descriptor, at - start, start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        os.ftruncate(descriptor, at)
    return at


def _hold_header(path: Path) -> None:
    with path.open("rb") as file:
        first = file.readline(2 * len(_HEADER))
    if first != _HEADER:
        raise SchemaMismatch(
            f"{path}: expected the columns {_HEADER.decode().strip()}, found "
            f"{first.decode(errors='replace').strip()!r}",
        )


def _lines(rows: pl.DataFrame, path: Path, *, has_rows: bool) -> pl.DataFrame:
    """Leave out what is in the file."""
    if not has_rows:
        return rows
    text = pl.col("ts_updated").dt.strftime(_FORMAT)
    there = (
        pl.scan_csv(path, infer_schema=False)
        .select(*_KEY)
        .filter(pl.col("ts_updated") >= rows.select(text.min()).to_series()[0])
        .collect()
        if rows.height
        else pl.DataFrame(schema=dict.fromkeys(_KEY, pl.String()))
    )
    return (
        rows.with_columns(text.alias("_at"))
        .join(there, left_on=["_at", "coin", "currency"], right_on=_KEY, how="anti")
        .drop("_at")
    )
