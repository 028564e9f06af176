"""Frames as the tables of other libraries, without a loss unless floats are asked for."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Literal

import duckdb
import polars as pl
import pyarrow as pa

from crypto_assets.errors import InvalidName, NotInstalled

if TYPE_CHECKING:
    import pandas as pd

Frame = pl.DataFrame | pl.LazyFrame
Decimals = Literal["exact", "float64"]


def to_arrow(frame: Frame, decimals: Decimals = "exact") -> pa.Table:
    """Collect a frame as an Arrow table; decimals are ``decimal128``, or ``float64`` on request.

    Raises:
        InvalidName: ``decimals`` is neither.
    """
    return _collected(frame, decimals).to_arrow()


def to_pandas(frame: Frame, decimals: Decimals = "exact") -> pd.DataFrame:
    """Collect a frame as a pandas one.

    Exact decimals are columns of pandas' own Arrow type, everything else is as pandas has it:
    times are ``datetime64[us, UTC]``.

    Raises:
        NotInstalled: pandas is not there.
        InvalidName: ``decimals`` is neither.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise NotInstalled(
            "to_pandas: expected pandas, which is not installed: install crypto-assets[pandas]",
        ) from error

    def exact(kind: pa.DataType) -> pd.ArrowDtype | None:
        return pd.ArrowDtype(kind) if pa.types.is_decimal(kind) else None

    return to_arrow(frame, decimals).to_pandas(types_mapper=exact)


def to_duckdb(
    frame: Frame,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> duckdb.DuckDBPyRelation:
    """Give a frame as a DuckDB relation; what is lazy is read as the relation is.

    DuckDB shows times in its session's zone: UTC on a connection of its own.
    """
    if connection is None:
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
    name = f"crypto_assets_{uuid.uuid4().hex}"
    connection.register(name, frame)
    return connection.view(name)


def _collected(frame: Frame, decimals: Decimals) -> pl.DataFrame:
    if decimals not in ("exact", "float64"):
        raise InvalidName(f"decimals {decimals!r}: expected exact or float64")
    if decimals == "float64":
        exact = [name for name, kind in frame.collect_schema().items() if kind.is_decimal()]
        frame = frame.with_columns(pl.col(exact).cast(pl.Float64))
    return frame.lazy().collect(engine="streaming")
