"""What comes from outside on its way into SQL: as a text, a path or a name, and as nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from crypto_assets.errors import InvalidName

_PATTERN = re.compile(r"[*?\[]")
_MISREAD = re.compile(r"\\|(^|/)(venue|symbol|date)=")


def text(value: str) -> str:
    """Quote a text."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """Quote the name of a table or column."""
    return '"' + value.replace('"', '""') + '"'


def path(value: Path, pattern: str = "") -> str:
    """Quote a path that stands for itself, and if wanted a pattern below it, as a text.

    What would be a pattern within the path itself, such as ``[1]``, matches only itself.
    """
    below = f"/{pattern}" if pattern else ""
    return text(_PATTERN.sub(r"[\g<0>]", str(value)) + below)


def checked_root(root: Path) -> Path:
    """Hold a lake's directory against what DuckDB can read.

    Raises:
        InvalidName: it has a backslash, which DuckDB takes for a separator, or a directory such as
            ``symbol=X``, which would be taken for what its files say of their rows.
    """
    if _MISREAD.search(str(root)):
        raise InvalidName(
            f"lake {str(root)!r}: expected a path without a backslash and without directories "
            "named venue=, symbol= or date=, which DuckDB would read as something else",
        )
    return root


def type_of(dtype: object) -> str:
    """Write a column's type as DuckDB knows it.

    Raises:
        KeyError: no table of the lake has such a column.
    """
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision}, {dtype.scale})"
    if isinstance(dtype, pl.List):
        return f"{type_of(dtype.inner)}[]"
    if isinstance(dtype, pl.Struct):
        fields = ", ".join(f"{name(one.name)} {type_of(one.dtype)}" for one in dtype.fields)
        return f"STRUCT({fields})"
    return _TYPES[type(dtype)]


_TYPES: dict[type[object], str] = {
    pl.Int64: "BIGINT",
    pl.UInt32: "UINTEGER",
    pl.Float64: "DOUBLE",
    pl.Boolean: "BOOLEAN",
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP WITH TIME ZONE",
}
