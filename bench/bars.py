"""Trades at rest to bars of one second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.given import DAY, FLOATS, LAKE
from crypto_assets.lake.lake import Lake
from crypto_assets.transforms import bars

_NEEDED = ("trade_id", "ts_event", "price", "quantity", "is_buyer_maker")
_SQL = """
    SELECT epoch_us(ts_event) // 1000000 AS second,
           arg_min(price::DOUBLE, trade_id) AS open, max(price::DOUBLE) AS high,
           min(price::DOUBLE) AS low, arg_max(price::DOUBLE, trade_id) AS close,
           sum(quantity::DOUBLE) AS volume,
           sum(price::DOUBLE * quantity::DOUBLE) AS quote_volume, count(*) AS trade_count,
           sum(quantity::DOUBLE) FILTER (NOT is_buyer_maker) AS taker_buy_volume,
           sum(price::DOUBLE * quantity::DOUBLE) FILTER (NOT is_buyer_maker)
               AS taker_buy_quote_volume,
           min(trade_id) AS first_trade_id, max(trade_id) AS last_trade_id
    FROM read_parquet(?) GROUP BY second ORDER BY second
"""


def _parts(data: Path) -> tuple[pl.LazyFrame, int, Path]:
    """Give the trades through the lake, how many they are, and their file."""
    lake = Lake(data / LAKE)
    (part,) = lake.parts("raw_trades", DAY)
    return lake.scan("raw_trades", DAY), part.manifest.rows, part.path


def ours(data: Path, _: Path) -> Callable[[], int]:
    """Compute the exact bars of the whole day through the lake."""
    lake = Lake(data / LAKE)

    def call() -> int:
        trades = lake.summary("raw_trades", DAY)
        assert trades is not None
        bars.from_trades(
            lake.scan("raw_trades", DAY),
            None,
            DAY,
            missing=trades.missing,
            in_time_order=trades.inversions == 0,
        ).collect(engine="streaming")
        return trades.rows

    return call


def floor_streaming(data: Path, _: Path) -> Callable[[], int]:
    """Read the five columns bars need, streaming."""
    trades, _rows, _path = _parts(data)
    return lambda: trades.select(_NEEDED).collect(engine="streaming").height


def floor_in_memory(data: Path, _: Path) -> Callable[[], int]:
    """Read the five columns bars need, in memory."""
    _trades, _rows, path = _parts(data)
    return lambda: pl.read_parquet(path, columns=list(_NEEDED)).height


def duckdb_floats(data: Path, _: Path) -> Callable[[], int]:
    """Compute float bars of the seconds with trades, from a file of floats."""
    _trades, rows, _path = _parts(data)
    return _query(data / FLOATS, rows)


def duckdb_decimals(data: Path, _: Path) -> Callable[[], int]:
    """Compute float bars of the seconds with trades, from the lake's file."""
    _trades, rows, path = _parts(data)
    return _query(path, rows)


def _query(path: Path, rows: int) -> Callable[[], int]:
    import duckdb

    def call() -> int:
        duckdb.execute(_SQL, [str(path)]).fetchnumpy()
        return rows

    return call
