"""A real day in BigQuery, as bqemulator plays it: exact, once, replaced whole, whoever is killed.

bqemulator is not the service: a job id that comes again runs again, there is no 409. That BigQuery
is asked under one name each is held in ``sinks/test_bigquery.py``; here it is what the SQL does.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import grpc
import polars as pl
import pyarrow as pa
import pytest

from crypto_assets import settings
from crypto_assets.demo import recorded
from crypto_assets.doors.warehouses import bigquery_of, bigquery_stream_of
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.message import STREAM_FRAME
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.loading import load_days
from crypto_assets.pipeline.sealed import Kept, sealed_days
from crypto_assets.settings import BigQuery
from crypto_assets.sinks.bigquery import Load, Warehouse
from crypto_assets.sinks.sealed import Sealed
from crypto_assets_tests.trials import assassin, emulators
from crypto_assets_tests.trials.emulators import Emulator

DAY, ASSETS = recorded.WHOLE_DAY, ("daily_trades", "daily_bars")
PROJECT, TRADES = "test-project", 12_215
CHILD = Path(__file__).with_name("append_batches.py")
GRPC: list[str] = []
"""Where the emulator's gRPC is."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the real day."""
    lake = Lake(tmp_path_factory.mktemp("nexo") / "lake")
    for name in recorded.NEXO_CAPTURES:
        take(lake, recorded.path(name))
    build(lake, list(recorded.NEXO))
    return lake.layout.root


@pytest.fixture
def lake(built: Path, tmp_path: Path) -> Lake:
    return Lake(shutil.copytree(built, tmp_path / "lake"))


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulators.bigquery(tmp_path_factory.mktemp("bigquery"), PROJECT) as found:
        GRPC.append(found.grpc)
        yield found


@pytest.fixture
def found(emulator: Emulator, request: pytest.FixtureRequest) -> BigQuery:
    """Settings with a dataset of the test's own."""
    dataset = re.sub(r"\W", "_", request.node.name)
    return BigQuery(
        project=PROJECT,
        dataset=dataset,
        endpoint=emulator.url,
        grpc_endpoint=emulator.grpc,
    )


def rows_of(
    warehouse: Warehouse,
    table: str,
    schema: pl.Schema,
    pieces: Sequence[str] = ("",),
) -> pl.DataFrame:
    """Read a whole table back, in the lake's types: what does not fit them exactly fails.

    The emulator sends a piece in one message, which has to stay below 11 MB.
    """
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
    from google.cloud.bigquery_storage_v1.services.big_query_read import transports

    path = f"projects/{PROJECT}/datasets/{warehouse.dataset}/tables/{table}"
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(GRPC[0], unlimited) as channel:
        reader = BigQueryReadClient(transport=transports.BigQueryReadGrpcTransport(channel=channel))
        sessions = [
            reader.create_read_session(
                parent=f"projects/{PROJECT}",
                read_session=types.ReadSession(
                    table=path,
                    data_format=types.DataFormat.ARROW,
                    read_options=types.ReadSession.TableReadOptions(row_restriction=piece),
                ),
                max_stream_count=1,
            )
            for piece in pieces
        ]
        arrow = pa.ipc.read_schema(pa.py_buffer(sessions[0].arrow_schema.serialized_schema))
        batches = [
            pa.ipc.read_record_batch(answer.arrow_record_batch.serialized_record_batch, arrow)
            for session in sessions
            for stream in session.streams
            for answer in reader.read_rows(stream.name)
        ]
    rows = pl.from_arrow(pa.Table.from_batches(batches, arrow))
    assert isinstance(rows, pl.DataFrame)
    keys = [name for name in ("symbol", "trade_id", "ts_open", "match_id") if name in schema]
    return rows.select(schema.names()).cast(schema).sort("venue", *keys)  # type: ignore[arg-type]


def held(lake: Lake, asset: str, day: Partition) -> pl.DataFrame:
    """What the lake has of a day, with what its path says."""
    return (
        lake.scan(asset, day)
        .collect()
        .select(
            pl.lit(day.instrument.venue).alias("venue"),
            pl.lit(day.instrument.symbol).alias("symbol"),
            pl.lit(day.date).alias("date"),
            pl.all(),
        )
    )


def ask(warehouse: Warehouse, sql: str) -> list[tuple[object, ...]]:
    """Ask with ``{}`` for the dataset."""
    text = sql.format(f"{PROJECT}.{warehouse.dataset}")
    return [tuple(row.values()) for row in warehouse.client.query(text).result()]


def sealed_again(lake: Lake, day: Partition, rows: pl.DataFrame, version: int) -> Sealed:
    """Seal other trades of a day."""
    draft = Draft(rows=[rows], version=version)
    committed = lake.commit("daily_trades", day, draft)
    return Sealed(
        "daily_trades",
        day,
        committed.path,
        committed.manifest,
        committed.sha256,
        "complete",
    )


def loads(done: list[Load | Kept]) -> list[Load]:
    assert not [one for one in done if isinstance(one, Kept)]
    return [one for one in done if isinstance(one, Load)]


def test_a_real_day_loaded_twice_is_there_once_and_exact(lake: Lake, found: BigQuery) -> None:
    warehouse = bigquery_of(found, "binance")
    first = loads(load_days(lake, warehouse, ASSETS, [DAY]))
    assert [one.changed for one in first] == [True, True]
    again = loads(load_days(lake, bigquery_of(found, "binance"), ASSETS, [DAY]))
    assert [one.changed for one in again] == [False, False]

    expected = held(lake, "daily_trades", DAY)
    sums = expected.select(
        pl.col("price", "quantity").cast(pl.Decimal(38, 8)).sum(),
    ).row(0)
    sql = "SELECT COUNT(*), COUNT(DISTINCT trade_id), SUM(price), SUM(quantity) FROM `{}.trades`"
    assert ask(warehouse, sql) == [(TRADES, TRADES, *sums)]
    assert sums == (Decimal("14962.592"), Decimal("890359.5"))
    assert rows_of(warehouse, "trades", expected.schema).equals(expected)
    bars = held(lake, "daily_bars", DAY)
    noon = f"TIMESTAMP '{DAY.date} 12:00:00+00'"
    halves = [f"ts_open < {noon}", f"ts_open >= {noon}"]
    assert rows_of(warehouse, "bars_1s", bars.schema, halves).equals(bars)
    left = [one.table_id for one in warehouse.client.list_tables(found.dataset)]
    assert sorted(left) == ["_loads", "bars_1s", "trades"], "no staging table stays"


def test_a_day_sealed_anew_takes_the_place_of_its_earlier_version(
    lake: Lake,
    found: BigQuery,
) -> None:
    warehouse = bigquery_of(found, "binance")
    rows = lake.scan("daily_trades", DAY).collect()
    others = [
        Partition.of("binance", "BTCUSDT", str(DAY.date)),
        Partition.of("bybit", "NEXOUSDT", str(DAY.date)),
    ]
    for other in others:
        one = sealed_again(lake, other, rows.head(100), 1)
        assert warehouse.load(one, warehouse.known([one])).changed
    first = sealed_again(lake, DAY, rows, 1)
    assert warehouse.load(first, warehouse.known([first])).changed

    changed = pl.col("trade_id") == rows["trade_id"][7]
    newer = (
        rows.with_columns(
            pl.when(changed).then(pl.lit(Decimal("9.87654321"))).otherwise("price").alias("price"),
        )
        .cast(rows.schema)  # type: ignore[arg-type]
        .filter(~pl.col("trade_id").is_in(rows["trade_id"][[0, 500, TRADES - 1]].implode()))
    )
    second = sealed_again(lake, DAY, newer, 2)
    assert warehouse.load(second, warehouse.known([second])).changed
    expected = held(lake, "daily_trades", DAY)
    assert expected.height == TRADES - 3
    everything = rows_of(warehouse, "trades", expected.schema)
    is_day = (pl.col("venue") == "binance") & (pl.col("symbol") == "NEXOUSDT")
    assert everything.filter(is_day).equals(expected)
    assert everything.filter(~is_day).height == 200, "others are left alone"
    sql = "SELECT version, generation, row_count FROM `{}._loads` WHERE symbol = 'NEXOUSDT' "
    assert ask(warehouse, sql + "AND venue = 'binance'") == [(2, 2, TRADES - 3)]

    back = sealed_again(lake, DAY, rows, 3)
    assert warehouse.load(back, warehouse.known([back])).changed
    everything = rows_of(warehouse, "trades", expected.schema)
    assert everything.filter(is_day).equals(held(lake, "daily_trades", DAY))


def test_each_symbol_may_have_its_own_tables(lake: Lake, found: BigQuery) -> None:
    one = settings.BigQuery(
        project=PROJECT,
        dataset=found.dataset,
        endpoint=found.endpoint,
        layout="table_per_symbol",
    )
    warehouse = bigquery_of(one, "binance")
    done = loads(load_days(lake, warehouse, ASSETS, [DAY]))
    assert [load.target.rpartition(".")[2] for load in done] == [
        "trades_nexousdt",
        "bars_1s_nexousdt",
    ]
    assert ask(warehouse, "SELECT COUNT(*) FROM `{}.trades_nexousdt`") == [(TRADES,)]


def test_a_file_that_was_put_to_a_bucket_is_loaded_from_there(
    lake: Lake,
    found: BigQuery,
    emulator: Emulator,
) -> None:
    def uri_of(sealed: Sealed) -> str:
        # Without the Hive keys: the emulator reads columns off them, which the service does not.
        target = emulator.gcs / "lake" / sealed.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sealed.path, target)
        return f"gs://lake/{sealed.path.name}"

    warehouse = bigquery_of(found, "binance")
    warehouse.uri_of = uri_of
    done = loads(load_days(lake, warehouse, ("daily_trades",), [DAY]))
    assert done[0].changed
    expected = held(lake, "daily_trades", DAY)
    assert rows_of(warehouse, "trades", expected.schema).equals(expected)


def test_names_of_matches_are_part_of_a_trades_name(lake: Lake, found: BigQuery) -> None:
    day = Partition.of("bybit", "BTCUSDT", str(DAY.date))
    rows = lake.scan("daily_trades", DAY).collect().head(3)
    named = pl.concat([rows, rows]).with_columns(
        pl.Series("match_id", ["a", "b", "c", "d", "e", "f"]),
    )
    one = sealed_again(lake, day, named.sort("trade_id", "match_id"), 1)
    warehouse = bigquery_of(found, "binance")
    for _ in range(2):
        warehouse.load(one, warehouse.known([one]))
    assert ask(warehouse, "SELECT COUNT(*), COUNT(DISTINCT match_id) FROM `{}.trades`") == [(6, 6)]


def stream_rows(lake: Lake) -> pl.DataFrame:
    return held(lake, "daily_trades", DAY).select(STREAM_FRAME.names())


COUNTS = "SELECT COUNT(*), COUNT(DISTINCT trade_id), SUM(price), SUM(quantity) FROM `{}.{table}`"


def streamed(found: BigQuery) -> tuple[object, ...]:
    sql = COUNTS.replace("{table}", "trade_stream")
    return ask(bigquery_of(found, "binance"), sql)[0]


def test_overlapping_batches_are_there_once_and_counted(lake: Lake, found: BigQuery) -> None:
    rows = stream_rows(lake)
    stream = bigquery_stream_of(found)
    assert stream.append(rows.head(0)) == 0
    assert stream.append(rows[:5_000]) == 5_000
    assert stream.append(rows[4_000:9_000]) == 4_000
    assert stream.append(pl.concat([rows, rows])) == TRADES - 9_000
    stream.close()
    again = bigquery_stream_of(found)
    assert again.append(rows) == 0
    other = rows.head(10).with_columns(pl.lit("bybit").alias("venue"))
    named = rows.head(10).with_columns(pl.lit("uuid").alias("match_id"))
    assert again.append(pl.concat([other, named])) == 20
    again.close()
    warehouse = bigquery_of(found, "binance")
    everything = rows_of(warehouse, "trade_stream", STREAM_FRAME)
    numbered = everything.filter(pl.col("match_id").is_null(), pl.col("venue") == "binance")
    assert numbered.equals(rows)
    assert everything.height == TRADES + 20
    left = [one.table_id for one in warehouse.client.list_tables(found.dataset)]
    assert left == ["trade_stream"], "no staging table stays"


@pytest.fixture
def child(lake: Lake, found: BigQuery, tmp_path: Path) -> Callable[[str], subprocess.Popen[bytes]]:
    """Start a process that appends the day in batches, noting each once it is durable."""
    stream_rows(lake).write_parquet(tmp_path / "rows.parquet")

    def start(url: str) -> subprocess.Popen[bytes]:
        words = [tmp_path / "rows.parquet", tmp_path / "noted", url, found.grpc_endpoint]
        return subprocess.Popen([sys.executable, CHILD, PROJECT, found.dataset, *map(str, words)])

    return start


@pytest.mark.parametrize("after", [False, True], ids=["before the merge", "before the answer"])
def test_a_consumer_killed_around_its_merge_repeats_nothing(
    after: bool,  # noqa: FBT001
    child: Callable[[str], subprocess.Popen[bytes]],
    lake: Lake,
    found: BigQuery,
    tmp_path: Path,
) -> None:
    rows = stream_rows(lake)
    first = bigquery_stream_of(found)
    assert first.append(rows[:3_000]) == 3_000
    first.close()
    with assassin.before(str(found.endpoint)) as order:
        process = child(order.url)
        order.at, order.after, order.victim = b"MERGE", after, process.pid
        assert process.wait() == -9
        assert order.done
        assert not (tmp_path / "noted").exists(), "it had not heard that the batch is durable"
        # The batch of 5,000 overlaps what was there: killed before the merge nothing was added.
        assert streamed(found)[0] == (5_000 if after else 3_000)
        assert child(order.url).wait() == 0
    sums = rows.select(pl.col("price", "quantity").cast(pl.Decimal(38, 8)).sum()).row(0)
    assert streamed(found) == (TRADES, TRADES, *sums)


def test_a_consumer_killed_at_random_repeats_nothing(
    child: Callable[[str], subprocess.Popen[bytes]],
    lake: Lake,
    found: BigQuery,
    kills: int,
    seed: int,
) -> None:
    chance = random.Random(seed)
    for _ in range(min(kills, 8)):
        process = child(str(found.endpoint))
        try:
            process.wait(chance.uniform(1, 8))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert child(str(found.endpoint)).wait() == 0, f"--seed {seed}"
    rows = stream_rows(lake)
    sums = rows.select(pl.col("price", "quantity").cast(pl.Decimal(38, 8)).sum()).row(0)
    assert streamed(found) == (TRADES, TRADES, *sums), f"--seed {seed}"


LOADER = """
import sys
from pathlib import Path
from crypto_assets.doors.warehouses import bigquery_of
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.loading import load_days
from crypto_assets.settings import BigQuery
root, project, dataset, url = sys.argv[1:]
found = BigQuery(project=project, dataset=dataset, endpoint=url)
day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
load_days(Lake(Path(root)), bigquery_of(found, "binance"), ("daily_trades",), [day])
"""


@pytest.mark.parametrize("after", [False, True], ids=["before the merge", "before the answer"])
def test_a_load_killed_around_its_merge_is_whole_or_not_there(
    after: bool,  # noqa: FBT001
    lake: Lake,
    found: BigQuery,
) -> None:
    with assassin.before(str(found.endpoint)) as order:
        words = [str(lake.layout.root), PROJECT, found.dataset, order.url]
        process = subprocess.Popen([sys.executable, "-c", LOADER, *words])
        order.at, order.after, order.victim = b"BEGIN TRANSACTION", after, process.pid
        assert process.wait() == -9
        assert order.done
    warehouse = bigquery_of(found, "binance")
    count = "SELECT COUNT(*) FROM `{}.trades`"
    assert ask(warehouse, count) == [(TRADES if after else 0,)]
    (done,) = loads(load_days(lake, warehouse, ("daily_trades",), [DAY]))
    assert done.changed is not after, "the ledger knows what the transaction did"
    expected = held(lake, "daily_trades", DAY)
    assert rows_of(warehouse, "trades", expected.schema).equals(expected)


def test_an_unproven_day_is_not_loaded(lake: Lake, found: BigQuery) -> None:
    warehouse = bigquery_of(found, "binance")
    (kept,) = load_days(lake, warehouse, ASSETS, [DAY.next])
    assert isinstance(kept, Kept)
    assert ": provisional (an edge" in str(kept)
    assert len(list(sealed_days(lake, ASSETS, [DAY.next], takes_unproven=True))) == 2
    done = loads(load_days(lake, warehouse, ASSETS, [DAY.next], takes_unproven=True))
    assert [one.changed for one in done] == [True, True]
