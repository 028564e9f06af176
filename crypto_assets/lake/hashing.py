"""The logical hash: sha256 over values, not over the bytes an encoder made of them."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from crypto_assets.model.tables import Table

_NULLS_AT_ONCE = 1 << 20
_LENGTH_BYTES = 8
_NAMES = {pl.Int64: "whole", pl.Boolean: "flag", pl.String: "text", pl.Float64: "float"}


class LogicalHash:
    """Hash a table's values frame by frame; where the frames are cut makes no difference.

    Every hashed column has its own sha256 over fixed-width little-endian values (decimals as 16
    byte integers at their scale, times as microseconds, booleans as a byte, floats as their 8 IEEE
    754 bytes, text as a length and UTF-8), nullable ones another over their null flags. The digest
    is the sha256 of the column names, types and hashes in declared order.

    Of the table's optional columns, one without any value is left out, and one without any null
    is hashed as one that cannot be null.
    """

    def __init__(self, table: Table) -> None:
        columns = table.model.to_schema().columns
        self._schema = {name: table.schema[name] for name in table.hashed}
        self._rows = 0
        self._values_in = dict.fromkeys(set(table.optional) & self._schema.keys(), 0)
        self._waiting = dict.fromkeys(self._values_in, 0)
        """Nulls of a column without a value so far: mostly none ever comes."""
        self._values = {name: hashlib.sha256() for name in self._schema}
        self._nulls = {name: hashlib.sha256() for name in self._schema if columns[name].nullable}

    def update(self, frame: pl.DataFrame) -> None:
        """Add rows; the frame may have further columns."""
        self._rows += frame.height
        for name in self._values_in:
            self._values_in[name] += frame.height - frame[name].null_count()
        for name in self._schema:
            for column in frame[name].get_chunks():
                self._add(name, column)

    def _add(self, name: str, column: pl.Series) -> None:
        if self._values_in.get(name) == 0:
            self._waiting[name] += len(column)
            return
        self._catch_up(name)
        if name in self._nulls:
            self._nulls[name].update(_bytes(column.is_null()))
            if column.null_count():
                column = _without_nulls(column)
        self._values[name].update(_bytes(column))

    def _catch_up(self, name: str) -> None:
        """Hash the nulls that came before a column's first value."""
        while left := self._waiting.get(name, 0):
            count = min(left, _NULLS_AT_ONCE)
            self._waiting[name] -= count
            if name in self._nulls:
                self._nulls[name].update(b"\1" * count)
            self._values[name].update(bytes(_width(self._schema[name]) * count))

    def hexdigest(self) -> str:
        """The digest of everything added so far, as 64 hexadecimal digits."""
        whole = hashlib.sha256()
        for name, dtype in self._schema.items():
            values = self._values_in.get(name)
            if values == 0:
                continue
            can_be_null = name in self._nulls and values != self._rows
            nulls = self._nulls[name].hexdigest() if can_be_null else ""
            kind = _named(dtype)
            whole.update(f"{name}:{kind}:{self._values[name].hexdigest()}:{nulls}\n".encode())
        return whole.hexdigest()


def _named(dtype: pl.DataType) -> str:
    """Name a type in words of our own: hashes outlive the library that made them."""
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return f"time({dtype.time_unit},{dtype.time_zone})"
    return _NAMES[dtype.base_type()]


def _width(dtype: pl.DataType) -> int:
    """Count the bytes that a null is hashed as, all of them zero."""
    if isinstance(dtype, pl.Decimal):
        return 16
    return 1 if dtype == pl.Boolean else 8


def _without_nulls(column: pl.Series) -> pl.Series:
    """What lies under a null is undefined: make it a zero."""
    zero = "" if column.dtype == pl.String else pl.lit(0).cast(column.dtype)
    return pl.select(pl.lit(column).fill_null(zero)).to_series()


def _bytes(column: pl.Series) -> bytes | memoryview:
    if column.dtype == pl.Boolean:
        column = column.cast(pl.UInt8)
    if column.dtype == pl.String:
        return _text_bytes(column)
    array = column.to_arrow()
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    if buffer is None:
        return b""
    return memoryview(buffer)[array.offset * width : (array.offset + len(array)) * width]


def _text_bytes(column: pl.Series) -> memoryview:
    """Put the length of each text before it; lengths and texts of all rows at once."""
    count = len(column)
    array = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, texts = array.buffers()
    edges = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + count + 1]
    lengths = np.diff(edges)
    out = np.empty(_LENGTH_BYTES * count + int(lengths.sum()), dtype=np.uint8)
    is_text = np.ones(len(out), dtype=np.bool_)
    at = edges[:-1] - edges[0] + _LENGTH_BYTES * np.arange(count)
    octets = lengths.astype("<i8").view(np.uint8).reshape(count, _LENGTH_BYTES)
    for k in range(_LENGTH_BYTES):
        out[at + k] = octets[:, k]
        is_text[at + k] = False
    out[is_text] = np.frombuffer(texts or b"", dtype=np.uint8)[edges[0] : edges[-1]]
    return out.data
