"""An archive file to Parquet."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.given import ARCHIVE, BIG, EXTRACTED
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parquet import TableWriter
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.tables import TRADES
from crypto_assets.pipeline.ingest import ARCHIVE_BLOCK_BYTES, take
from crypto_assets.venues import venue

_COLUMNS = {
    "trade_id": (pl.Int64, "BIGINT"),
    "price": (pl.Float64, "DOUBLE"),
    "quantity": (pl.Float64, "DOUBLE"),
    "quote_quantity": (pl.Float64, "DOUBLE"),
    "time": (pl.Int64, "BIGINT"),
    "is_buyer_maker": (pl.String, "VARCHAR"),
    "is_best_match": (pl.String, "VARCHAR"),
}


def ours(data: Path, scratch: Path) -> Callable[[], int]:
    """Take the archive into an empty lake."""
    return _take(data / ARCHIVE, scratch)


def ours_big(data: Path, scratch: Path) -> Callable[[], int]:
    """Take the archive of four times the trades into an empty lake."""
    return _take(data / BIG / ARCHIVE, scratch)


def _take(path: Path, scratch: Path) -> Callable[[], int]:
    lake = Lake(scratch / "lake")
    venue("binance")
    return lambda: sum(part.manifest.rows for part in take(lake, path).parts)


def decode_and_write(data: Path, scratch: Path) -> Callable[[], int]:
    """Decode the archive and write Parquet, nothing else."""
    decode = venue("binance").decode_trades

    def call() -> int:
        writer, rows = TableWriter(scratch / "trades.parquet", TRADES), 0
        for block in blocks(data / ARCHIVE, ARCHIVE_BLOCK_BYTES):
            assert isinstance(block, Block)
            frame = decode(block.data, block.first_line).frame
            writer.write(frame)
            rows += frame.height
        writer.close(_manifest(rows))
        return rows

    return call


def _manifest(rows: int) -> Manifest:
    return Manifest(
        table=TRADES.name,
        venue="binance",
        symbol="BTCUSDT",
        date="2025-03-03",
        rows=rows,
        logical_hash="",
        schema_version=TRADES.version,
        writer="bench",
    )


def polars_extracted(data: Path, scratch: Path) -> Callable[[], int]:
    """Scan the extracted file with polars, prices as floats, and sink it."""
    return lambda: _polars(data / EXTRACTED, scratch)


def polars_zip(data: Path, scratch: Path) -> Callable[[], int]:
    """Extract the file, then scan it with polars, prices as floats, and sink it."""

    def call() -> int:
        with zipfile.ZipFile(data / ARCHIVE) as packed:
            return _polars(Path(packed.extract(EXTRACTED, scratch)), scratch)

    return call


def _polars(path: Path, scratch: Path) -> int:
    target = scratch / "trades.parquet"
    pl.scan_csv(
        path,
        has_header=False,
        schema=pl.Schema({name: types[0] for name, types in _COLUMNS.items()}),
    ).with_columns(
        pl.col("time").cast(pl.Datetime("us", "UTC")),
        pl.col("is_buyer_maker", "is_best_match") == "True",
    ).sink_parquet(target)
    return int(pl.scan_parquet(target).select(pl.len()).collect().item())


def duckdb_extracted(data: Path, scratch: Path) -> Callable[[], int]:
    """Copy the extracted file to Parquet with DuckDB, prices as floats."""
    import duckdb

    columns = ", ".join(f"'{name}': '{types[1]}'" for name, types in _COLUMNS.items())
    target = scratch / "trades.parquet"
    query = f"""
        COPY (SELECT trade_id, price, quantity, quote_quantity, make_timestamp(time) AS time,
                     is_buyer_maker = 'True' AS is_buyer_maker
              FROM read_csv('{data / EXTRACTED}', header = false, columns = {{{columns}}}))
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)
    """

    def call() -> int:
        duckdb.execute(query)
        return int(pl.scan_parquet(target).select(pl.len()).collect().item())

    return call


def pyarrow_zip(data: Path, scratch: Path) -> Callable[[], int]:
    """Inflate with isal in a thread and parse blocks with pyarrow, prices as floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    named = csv.ReadOptions(column_names=list(_COLUMNS))
    types = {
        "trade_id": pa.int64(),
        "price": pa.float64(),
        "quantity": pa.float64(),
        "quote_quantity": pa.float64(),
        "time": pa.timestamp("us"),
        "is_buyer_maker": pa.bool_(),
        "is_best_match": pa.bool_(),
    }
    whole = types | {"time": pa.int64()}

    def call() -> int:
        rows = 0
        with pq.ParquetWriter(
            scratch / "trades.parquet", pa.schema(types.items()), compression="zstd"
        ) as writer:
            for block in blocks(data / ARCHIVE):
                assert isinstance(block, Block)
                table = csv.read_csv(
                    pa.BufferReader(block.data),
                    read_options=named,
                    convert_options=csv.ConvertOptions(column_types=whole),
                )
                writer.write_table(table.cast(pa.schema(types.items())))
                rows += table.num_rows
        return rows

    return call
