"""Ways to bring trades into BigQuery, into an emulator of it: ``python -m bench.bigquery``.

Made-up trades of one day are sealed as the lake seals them. Each way writes a table of its own; one
that sends rows as JSON is given fewer of them. What is measured is this machine and bqemulator: how
fast the service is cannot be seen here, only what a way makes of a client, and whether what comes
of it is exact and there once after it was done twice.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
from google.cloud import bigquery

from bench.report import Table, machine, publish, wide
from crypto_assets.doors.warehouses import bigquery_of, bigquery_stream_of
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.message import STREAM_FRAME
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.settings import BigQuery
from crypto_assets.sinks.bigquery import Warehouse, fields_of
from crypto_assets.sinks.bigquery_schema import columns_of
from crypto_assets.sinks.sealed import Sealed
from crypto_assets_tests.trials import emulators

PROJECT, DATASET = "bench-project", "bench"
DAY = Partition.of("binance", "BTCUSDT", "2024-07-24")
BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Bench:
    """What every way is given."""

    found: BigQuery
    warehouse: Warehouse
    sealed: Sealed
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Way:
    """One way, and the table it writes."""

    name: str
    table: str
    run: Callable[[Bench], int]


def made_up(count: int) -> pl.DataFrame:
    ids = pl.int_range(count, eager=True)
    start = dt.datetime.combine(DAY.date, dt.time(), dt.UTC)
    return (
        pl.DataFrame(
            {
                "trade_id": ids,
                "ts_event": pl.Series([start]).new_from_index(0, count)
                + pl.Series(ids * (86_400_000_000 // count)).cast(pl.Duration("us")),
                "price": (6_500_000_000_000 + ids * 7_919 % 10_000_000).cast(pl.Decimal(18, 0)),
                "quantity": (1 + ids * 104_729 % 100_000_000).cast(pl.Decimal(28, 0)),
                "is_buyer_maker": ids % 2 == 0,
                "ts_recv": None,
                "quoted_value": None,
                "match_id": None,
            },
        )
        .with_columns(
            (pl.col("price") / Decimal(10**8)).cast(pl.Decimal(18, 8)),
            (pl.col("quantity") / Decimal(10**8)).cast(pl.Decimal(28, 8)),
        )
        .cast(dict(TRADES.schema))
    )


def load(bench: Bench) -> int:
    bench.warehouse.load(bench.sealed, bench.warehouse.known([bench.sealed]))
    return bench.rows.height


def stream(bench: Bench) -> int:
    sink = bigquery_stream_of(bench.found)
    labelled = bench.rows.select(
        pl.lit("binance").alias("venue"),
        pl.lit("BTCUSDT").alias("symbol"),
        pl.all(),
    ).select(STREAM_FRAME.names())
    for batch in labelled.iter_slices(BATCH):
        sink.append(batch)
    sink.close()
    return labelled.height


def _table(bench: Bench, name: str) -> str:
    path = f"{PROJECT}.{DATASET}.{name}"
    table = bigquery.Table(path, fields_of(columns_of(TRADES)))
    bench.warehouse.client.create_table(table, exists_ok=True)
    return path


def json_rows(size: int, at_most: int) -> Callable[[Bench], int]:
    def run(bench: Bench) -> int:
        path = _table(bench, f"json_{size}")
        client, rows = bench.warehouse.client, bench.rows.head(at_most)
        for batch in rows.iter_slices(size):
            texts = batch.with_columns(
                pl.col("price", "quantity").cast(pl.String),
                pl.col("ts_event").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
            )
            errors = client.insert_rows_json(path, texts.to_dicts())
            assert not errors, errors
        return rows.height

    return run


def dataframe(bench: Bench) -> int:
    columns = ["trade_id", "ts_event", "price", "quantity", "is_buyer_maker"]
    floats = bench.rows.select(columns).with_columns(
        pl.col("price", "quantity").cast(pl.Float64),
    )
    path = f"{PROJECT}.{DATASET}.dataframe"
    kinds = ("INT64", "TIMESTAMP", "FLOAT64", "FLOAT64", "BOOL")
    schema = [bigquery.SchemaField(name, kind) for name, kind in zip(columns, kinds, strict=True)]
    client = bench.warehouse.client
    client.create_table(bigquery.Table(path, schema), exists_ok=True)
    # As load_table_from_dataframe does, but for the upload in two parts: bqemulator knows none.
    file = io.BytesIO()
    floats.to_pandas().to_parquet(file)
    file.seek(0)
    config = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.PARQUET)
    client.load_table_from_file(file, path, job_config=config).result()
    return floats.height


def measure(bench: Bench, way: Way) -> tuple[str, ...]:
    began = time.perf_counter()
    count = way.run(bench)
    seconds = time.perf_counter() - began
    way.run(bench)
    sql = f"SELECT COUNT(*), SUM(quantity) FROM `{PROJECT}.{DATASET}.{way.table}`"
    ((held, total),) = [row.values() for row in bench.warehouse.client.query(sql).result()]
    expected = bench.rows.head(count)["quantity"].cast(pl.Decimal(38, 8)).sum()
    exact = Decimal(str(total)) == expected * (held // count)
    return (
        way.name,
        f"{count:,}",
        f"{seconds:.1f}",
        f"{count / seconds:,.0f}",
        f"{held / count:g} times",
        "yes" if exact else f"off by {Decimal(str(total)) - expected * (held // count)}",
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.bigquery", description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--json-rows", type=int, default=50_000, help="of those sent as JSON")
    given = options.parse_args()
    ways = [
        Way("crypto-assets bigquery: Parquet, staging, MERGE", "trades", load),
        Way(f"trade_stream: Storage Write, MERGE, {BATCH:,} a batch", "trade_stream", stream),
        Way("a pandas DataFrame of float64, load_table_from_file", "dataframe", dataframe),
        Way("insert_rows_json, 1,000 a request", "json_1000", json_rows(1_000, given.json_rows)),
        Way("insert_rows_json, 500 a request", "json_500", json_rows(500, given.json_rows)),
    ]
    console = wide()
    headings = ("way", "rows", "s", "rows/s", "there after two", "sum exact")
    table = Table("Into bqemulator, not the service", headings)
    table.notes.append("no way but the first two looks what is there already")
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as temporary,
        emulators.bigquery(Path(temporary) / "emulator", PROJECT) as emulator,
    ):
        found = BigQuery(
            project=PROJECT,
            dataset=DATASET,
            endpoint=emulator.url,
            grpc_endpoint=emulator.grpc,
        )
        rows = made_up(given.rows)
        lake = Lake(Path(temporary) / "lake")
        made = lake.commit("daily_trades", DAY, Draft(rows=[rows]))
        sealed = Sealed("daily_trades", DAY, made.path, made.manifest, made.sha256, "complete")
        bench = Bench(found, bigquery_of(found, "binance"), sealed, rows)
        bench.warehouse.known([sealed])
        for way in ways:
            with console.status(f"{way.name} ..."):
                table.rows.append(measure(bench, way))
    heading = f"{given.rows:,} made-up trades of one day; {machine()}"
    publish("bigquery", heading, [table], console)


if __name__ == "__main__":
    main()
