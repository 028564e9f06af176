"""Files for people and other programs: Parquet as the lake's, or CSV without a loss."""

from __future__ import annotations

from pathlib import Path

import polars as pl

FORMATS = ("parquet", "csv")
_GROUP_ROWS = 1_000_000
_ISO = "%Y-%m-%dT%H:%M:%S%.fZ"


def write(rows: pl.LazyFrame, form: str, path: Path) -> None:
    """Write rows to a new file in their order, in bounded memory; the same rows, the same bytes.

    ``parquet`` keeps every type. ``csv`` has decimals as text to the last digit that is none, times
    in UTC as ISO 8601, and nothing where there is no value.

    Raises:
        polars.exceptions.PolarsError: the rows cannot be read or computed.
    """
    if form == "parquet":
        rows.sink_parquet(path, compression="zstd", row_group_size=_GROUP_ROWS, mkdir=False)
        return
    exact = [
        pl.col(name).cast(pl.String()).str.replace(r"\.?0+$", "")
        if dtype.scale
        else pl.col(name).cast(pl.String())
        for name, dtype in rows.collect_schema().items()
        if isinstance(dtype, pl.Decimal)
    ]
    rows.with_columns(exact).sink_csv(path, datetime_format=_ISO, mkdir=False)
