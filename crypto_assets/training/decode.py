"""Row groups as arrays of numbers: decimals as floats or exact ticks, times as microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.errors import InvalidName, UnreadableInput
from crypto_assets.lake.draft import readable, scan_files
from crypto_assets.model.tables import Table

Array = npt.NDArray[np.generic]
Numbers = Literal["float32", "float64", "ticks"]
"""What decimals become: floats, or exact int64 multiples of 1e-8."""

INSTRUMENT = "instrument"
"""A column of every table: which of the instruments a row is of, by their order."""


def numeric_columns(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """Hold columns against what a table has of numbers.

    Raises:
        InvalidName: none is named, one twice, or one is text or not of the table.
    """
    known = [name for name, kind in table.schema.items() if not isinstance(kind, pl.String)]
    known.append(INSTRUMENT)
    wrong = [name for name in columns if name not in known]
    if not columns or wrong or len(set(columns)) < len(columns):
        raise InvalidName(
            f"columns {list(columns)}: expected some of {', '.join(known)}, each once",
        )
    return tuple(columns)


def read_group(
    path: Path,
    start: int,
    rows: int,
    columns: Sequence[str],
    numbers: Numbers,
) -> dict[str, Array]:
    """Read rows side by side of a file, by column, decimals as the whole numbers behind them.

    Returns:
        int64 for times (microseconds since 1970 UTC), ids, counts and decimals; bool for flags. A
        decimal that is to be a float is one already, not yet scaled, where a value is missing (NaN)
        or outgrows 64 bits.

    Raises:
        UnreadableInput: rows cannot be read, have no value where there is no NaN, or do not fit.
    """
    wanted = scan_files([path]).select(columns).slice(start, rows)
    with readable(str(path)):
        try:
            found = wanted.collect(engine="streaming")
        except OSError as error:
            raise UnreadableInput(f"{path}: expected a Parquet file, found {error}") from error
        if found.height != rows:
            raise UnreadableInput(f"{path}: expected {start + rows} rows, found fewer")
        return {
            column.name: _units(column, numbers, f"{column.name} of {path}") for column in found
        }


def scaled(units: Array, kind: pl.DataType, numbers: Numbers) -> Array:
    """Make the numbers asked for of the whole ones behind a column of a type.

    A float is the nearest to its decimal where that is below 2**53 of its last places.
    """
    if not isinstance(kind, pl.Decimal) or numbers == "ticks":
        return units
    found: npt.NDArray[np.float64] = np.divide(units, 10.0**kind.scale, dtype=np.float64)
    return found.astype(np.float32) if numbers == "float32" else found


def _units(column: pl.Series, numbers: Numbers, subject: str) -> Array:
    is_decimal = isinstance(column.dtype, pl.Decimal)
    if is_decimal and numbers != "ticks":
        physical = column.to_physical()
        units = physical.cast(pl.Int64, strict=False)
        # No value, or one that only 128 bits hold.
        return (physical.cast(pl.Float64) if units.null_count() else units).to_numpy()
    _hold_whole(column, subject)
    whole = column.to_physical()
    return (whole.cast(pl.Int64) if is_decimal else whole).to_numpy()


def _hold_whole(column: pl.Series, subject: str) -> None:
    if column.null_count():
        raise UnreadableInput(
            f"{subject}: expected a value in every row, found {column.null_count()} without; only "
            "decimals as floats can be NaN",
        )
