"""The file on disk: readable by every engine, exact in every type, with its manifest inside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.errors import SchemaMismatch, UnreadableInput
from crypto_assets.lake import parquet
from crypto_assets.lake.draft import Draft, write
from crypto_assets.lake.parquet import (
    MANIFEST_KEY,
    TableWriter,
    arrow_schema,
    read_footer,
    read_manifest,
)
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import KLINES, TABLES, TRADES, VERDICTS, Table

Frame = Callable[..., pl.DataFrame]
PARTITION = Partition.of("binance", "NEXOUSDT", "2024-07-24")
MANIFEST = Manifest(
    table="trades",
    venue="binance",
    symbol="NEXOUSDT",
    date="2024-07-24",
    rows=0,
    logical_hash="",
    schema_version=1,
    writer="",
)


@pytest.fixture
def part(tmp_path: Path, trades: Frame) -> Path:
    path = tmp_path / "part.parquet"
    write(path, TRADES, PARTITION, Draft(rows=[trades(range(100, 150), recv=5)]))
    return path


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_types_on_disk_are_those_of_the_model(table: Table) -> None:
    columns = table.model.to_schema().columns
    for field in arrow_schema(table):
        assert not pa.types.is_large_string(field.type)
        assert not pa.types.is_string_view(field.type)
        assert pa.types.is_floating(field.type) == table.schema[field.name].is_float()
        assert field.nullable == columns[field.name].nullable
        dtype = table.schema[field.name]
        if isinstance(dtype, pl.Decimal):
            assert field.type == pa.decimal128(dtype.precision or 0, dtype.scale)
        if isinstance(dtype, pl.Datetime):
            assert field.type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("table", [KLINES, VERDICTS], ids=lambda table: table.name)
def test_text_is_plain_strings_in_the_file(table: Table, tmp_path: Path) -> None:
    writer = TableWriter(tmp_path / "x.parquet", table)
    writer.close(MANIFEST)
    for field in pq.read_schema(tmp_path / "x.parquet"):
        if table.schema[field.name] == pl.String:
            assert field.type == pa.string()


def test_polars_pyarrow_and_duckdb_read_the_same_exact_values(part: Path, trades: Frame) -> None:
    expected = trades(range(100, 150), recv=5)
    found = pl.read_parquet(part, hive_partitioning=False)
    assert found.schema == TRADES.schema
    assert found.equals(expected)
    arrow = pq.read_table(part)
    assert arrow.schema.field("price").type == pa.decimal128(18, 8)
    assert arrow.schema.field("ts_event").type == pa.timestamp("us", "UTC")
    assert arrow.column("price").to_pylist() == expected["price"].to_list()
    relation = duckdb.sql(f"SELECT * FROM '{part}'")
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert types["price"] == "DECIMAL(18,8)"
    assert types["quantity"] == "DECIMAL(28,8)"
    assert types["ts_event"] == "TIMESTAMP WITH TIME ZONE"
    assert types["is_buyer_maker"] == "BOOLEAN"
    (total,) = duckdb.sql(f"SELECT sum(price), count(ts_recv) FROM '{part}'").fetchall()
    assert total == (sum(expected["price"].to_list(), Decimal(0)), 50)


def test_the_largest_numbers_a_column_holds_come_back(tmp_path: Path, trades: Frame) -> None:
    frame = trades([1]).with_columns(
        price=pl.lit(Decimal("9999999999.99999999")).cast(pl.Decimal(18, 8)),
        quantity=pl.lit(Decimal("99999999999999999999.99999999")).cast(pl.Decimal(28, 8)),
    )
    path = tmp_path / "x.parquet"
    write(path, TRADES, PARTITION, Draft(rows=[frame]))
    assert pl.read_parquet(path).equals(frame)
    assert pq.read_table(path).column("quantity").to_pylist() == frame["quantity"].to_list()


def test_row_groups_have_the_same_size_however_frames_are_cut(
    tmp_path: Path,
    trades: Frame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 20)
    whole = trades(range(50))
    for name, frames in (("one", [whole]), ("many", [whole[:3], whole[3:45], whole[45:]])):
        write(tmp_path / name, TRADES, PARTITION, Draft(rows=frames))
        metadata = pq.read_metadata(tmp_path / name)
        sizes = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
        assert sizes == [20, 20, 10]
        assert read_footer(tmp_path / name).row_group_keys == ((0, 19), (20, 39), (40, 49))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()


def test_keys_of_row_groups_without_ids_are_times_in_microseconds(tmp_path: Path) -> None:
    at = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
    values = {name: [1] for name, dtype in KLINES.schema.items() if dtype.is_numeric()}
    frame = pl.DataFrame(
        values | {"interval": ["1m"], "ts_open": [at]},
        schema=KLINES.schema,
        strict=False,
    )
    write(tmp_path / "x", KLINES, PARTITION, Draft(rows=[frame]))
    assert read_footer(tmp_path / "x").row_group_keys == ((PARTITION.start_us,) * 2,)


def test_the_footer_tells_what_the_file_is(part: Path) -> None:
    footer = read_footer(part)
    assert footer.rows == footer.manifest.rows == 50
    assert footer.schema == TRADES.schema
    assert footer.row_group_keys == ((100, 149),)
    assert footer.manifest == read_manifest(part)
    raw = pq.read_metadata(part).metadata[MANIFEST_KEY]
    assert Manifest.decode(raw) == footer.manifest


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text\n" * 100, bytes(5_000)])
def test_a_file_that_is_not_parquet_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    for read in (read_manifest, read_footer):
        with pytest.raises(UnreadableInput, match=r"x\.parquet: expected a Parquet file"):
            read(tmp_path / "x.parquet")


def test_a_file_that_is_cut_short_is_refused(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(UnreadableInput):
        read_manifest(part)


def test_parquet_without_a_manifest_is_refused(tmp_path: Path, trades: Frame) -> None:
    trades([1]).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(UnreadableInput, match="expected a manifest in the footer, found none"):
        read_manifest(tmp_path / "x.parquet")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"table": 1}', b"\xff", b'{"table":"\xff"}'])
def test_a_manifest_of_somebody_else_is_refused(
    text: bytes,
    tmp_path: Path,
    trades: Frame,
) -> None:
    table = trades([1]).to_arrow().replace_schema_metadata({MANIFEST_KEY: text})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(UnreadableInput, match=r"x\.parquet: its manifest is not one of ours"):
        read_manifest(tmp_path / "x.parquet")


def test_a_table_nobody_knows_is_refused(tmp_path: Path, trades: Frame) -> None:
    text = MANIFEST.encode().replace(b'"trades"', b'"tweets"')
    table = trades([1]).to_arrow().replace_schema_metadata({MANIFEST_KEY: text})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(SchemaMismatch, match="'tweets'"):
        read_footer(tmp_path / "x.parquet")
