"""Petastorm, in an environment of its own, sees every column of the lake's files as they lie."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import STORED
from crypto_assets.model.partition import Partition
from crypto_assets_tests.joined import SECOND, stored

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".venv-petastorm" / "bin" / "python"
CHILD = Path(__file__).with_name("petastorm_child.py")
WRITTEN = Partition.of("bybit", "BTCUSDT", "2024-07-24")
ROWS = 2_500


def frame_of(schema: pl.Schema) -> pl.DataFrame:
    """Fill every column of a table, the nullable ones with a hole, so that none is all null."""
    number = pl.int_range(ROWS, dtype=pl.Int64)
    filled = []
    for at, (name, kind) in enumerate(schema.items()):
        whole = number * (at + 3) + 1
        match kind:
            case pl.Decimal():
                column = whole.cast(pl.Int128).reinterpret(dtype=kind)
            case pl.Datetime():
                column = (WRITTEN.start_us + number * 10_000_000).cast(kind)
            case pl.Boolean():
                column = number % 3 == 0
            case pl.String():
                column = pl.lit(f"{name}-é-") + number.cast(pl.String())
            case _:
                column = whole
        filled.append(column.alias(name))
    return pl.select(filled).cast(dict(schema))


HOLED = ("ts_recv", "quoted_value", "match_id", "vwap", "bid", "first_trade_id", "trade_count")


def described(path: Path) -> dict[str, dict[str, object]]:
    found = {}
    for column in pl.read_parquet(path, hive_partitioning=False):
        there = column.drop_nulls()
        if isinstance(column.dtype, pl.Datetime):
            there = there.to_physical()
        values = [int(v) if isinstance(v, bool) else v for v in there.to_list()]
        is_text = column.dtype == pl.String and values
        found[column.name] = {
            "rows": len(column),
            "values": len(values),
            "sum": "".join(sorted(values)) if is_text else str(sum(map(Decimal, values))),
            "first": str(values[0]) if values else None,
            "last": str(values[-1]) if values else None,
        }
    return found


def seen(paths: list[Path]) -> dict[str, dict[str, dict[str, object]]]:
    if not PYTHON.exists():
        pytest.skip("Petastorm's environment is not there: make petastorm makes it")
    done = subprocess.run(
        [PYTHON, CHILD, *paths], check=True, capture_output=True, text=True, cwd="/"
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_every_column_of_a_sealed_day_is_seen_with_its_values(tmp_path: Path) -> None:
    lake = stored(tmp_path / "lake")
    paths = [lake.layout.file(asset, SECOND) for asset in ("daily_trades", "daily_bars")]
    found = seen(paths)
    for path in paths:
        assert found[str(path)] == described(path), path.name


@pytest.mark.parametrize("asset", ["daily_trades", "daily_bars", "klines", "ohlcv"])
def test_every_column_of_a_table_is_seen_where_all_are_filled(tmp_path: Path, asset: str) -> None:
    table = STORED[asset].table
    rows = frame_of(table.schema).with_columns(
        pl.when(pl.int_range(pl.len()) % 7 != 3).then(name).alias(name)
        for name in table.schema
        if name in HOLED and table.model.to_schema().columns[name].nullable
    )
    path = Lake(tmp_path).commit(asset, WRITTEN, Draft(rows=[rows])).path
    found = seen([path])[str(path)]
    assert list(found) == table.schema.names()
    assert found == described(path)


def test_text_of_the_large_kind_would_not_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    columns = {"number": [1, 2], "text": pa.array(["a", "b"], pa.large_string())}
    pq.write_table(pa.table(columns), path)
    assert list(seen([path])[str(path)]) == ["number"]
