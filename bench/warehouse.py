"""A sealed day into a table of a DuckDB file."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl

from bench.given import DAY, LAKE
from crypto_assets.lake.copying import copy
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.warehouse import default_path, refresh, tables_of
from crypto_assets.sinks.quoting import path as quoted

ROW_BY_ROW = 100_000


def _lake(data: Path, scratch: Path) -> Lake:
    shutil.copytree(data / LAKE, scratch / "lake", copy_function=os.link)
    lake = Lake(scratch / "lake")
    # As a build leaves it: what is not judged yet is judged by every refresh.
    verdicts.judge(lake, "raw_trades", DAY)
    verdicts.conclude_day(lake, DAY)
    return lake


def _refreshed(lake: Lake) -> int:
    tables = tables_of([DAY.instrument], DAY.instrument.venue)
    done = refresh(lake, default_path(lake), tables, "binance", dt.datetime.now(dt.UTC))
    return sum(done.rows.values())


def ours(data: Path, scratch: Path) -> Callable[[], int]:
    """Refresh a warehouse that is not there yet: views, facts, and the day in its table."""
    lake = _lake(data, scratch)
    return lambda: _refreshed(lake)


def unchanged(data: Path, scratch: Path) -> Callable[[], int]:
    """Refresh a warehouse that has the day already."""
    lake = _lake(data, scratch)
    _refreshed(lake)
    return lambda: _refreshed(lake)


def copied(data: Path, scratch: Path) -> Callable[[], int]:
    """Copy the file that holds the day, synced, which a refresh that changes anything does."""
    lake = _lake(data, scratch)
    rows = _refreshed(lake)

    def call() -> int:
        target = scratch / "copy.duckdb"
        copy(default_path(lake), target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        return rows

    return call


def create_as(data: Path, scratch: Path) -> Callable[[], int]:
    """Load with one statement, nothing compared, noted or made safe to read meanwhile."""
    file = Lake(data / LAKE).layout.file("daily_trades", DAY)

    def call() -> int:
        with closing(duckdb.connect(scratch / "plain.duckdb")) as connection:
            connection.execute(f"CREATE TABLE trades AS FROM read_parquet({quoted(file)})")
            return int(connection.execute("SELECT count(*) FROM trades").fetchall()[0][0])

    return call


def row_by_row(data: Path, scratch: Path) -> Callable[[], int]:
    """Insert rows by executemany, as many loaders do; so many rows only."""
    file = Lake(data / LAKE).layout.file("daily_trades", DAY)
    frame = pl.read_parquet(file, hive_partitioning=False).head(ROW_BY_ROW)
    rows = frame.select("trade_id", "ts_event", "price", "quantity", "is_buyer_maker").rows()

    def call() -> int:
        with closing(duckdb.connect(scratch / "rows.duckdb")) as connection:
            connection.execute(
                "CREATE TABLE trades (trade_id BIGINT, ts_event TIMESTAMPTZ, price DECIMAL(18, 8), "
                "quantity DECIMAL(28, 8), is_buyer_maker BOOLEAN)",
            )
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO trades VALUES (?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        return len(rows)

    return call
