"""Ways to read a sealed day of trades, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds

from bench.given import DAY, PROVEN
from crypto_assets import read
from crypto_assets.lake.lake import Lake
from crypto_assets.model.tables import TRADES

THREE = ("trade_id", "price", "quantity")
ROWS = 1 << 17
Columns = tuple[str, ...]


def sealed(data: Path) -> Path:
    """Give the file of the day."""
    return Lake(data / PROVEN).layout.file("daily_trades", DAY)


def _drained(rows: pl.LazyFrame) -> int:
    batches = rows.collect_batches(chunk_size=ROWS, maintain_order=True, engine="streaming")
    return sum(batch.height for batch in batches)


def _ours(columns: Columns, data: Path, _: Path) -> Callable[[], int]:
    lake = data / PROVEN

    def call() -> int:
        instrument, (start, end) = DAY.instrument, (DAY.date, DAY.next.date)
        return _drained(read.scan_trades(instrument, start, end, columns=columns, lake=lake))

    return call


def _polars(columns: Columns, data: Path, _: Path) -> Callable[[], int]:
    path = sealed(data)
    return lambda: _drained(pl.scan_parquet(path, hive_partitioning=False).select(columns))


def _pyarrow(columns: Columns, data: Path, _: Path) -> Callable[[], int]:
    path = sealed(data)

    def call() -> int:
        batches = ds.dataset(path).to_batches(columns=list(columns))
        return sum(batch.num_rows for batch in batches)

    return call


def _duckdb(columns: Columns, data: Path, _: Path) -> Callable[[], int]:
    path = sealed(data)

    def call() -> int:
        found = duckdb.connect().sql(
            f"SELECT {', '.join(columns)} FROM read_parquet(?)", params=[str(path)]
        )
        return sum(batch.num_rows for batch in found.to_arrow_reader(ROWS))

    return call


ALL = tuple(TRADES.schema.names())
ours_three, ours_all = partial(_ours, THREE), partial(_ours, ALL)
polars_three, polars_all = partial(_polars, THREE), partial(_polars, ALL)
pyarrow_three, pyarrow_all = partial(_pyarrow, THREE), partial(_pyarrow, ALL)
duckdb_three, duckdb_all = partial(_duckdb, THREE), partial(_duckdb, ALL)
