"""SQL over the lake counts nothing twice, reads nothing else, and loses no decimal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import UnsafeQuery
from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.query import query, render, views_of, write
from crypto_assets.pipeline.views import VIEWS
from crypto_assets.sinks.duckdb import HIVE
from crypto_assets.transforms.rollup import roll_up

Tree = dict[str, tuple[int, int, str]]
DAY_MS = 1_721_779_200_000


def value(lake: Lake, sql: str) -> object:
    return query(lake, sql).item()


def archive(directory: Path, ids: range, name: str = "NEXOUSDT-trades-2024-07-24.csv") -> Path:
    text = "".join(f"{id_},1.5,2.0,3.0,{DAY_MS + id_ * 1_000},True,True\n" for id_ in ids)
    path = directory / name
    path.write_text(text)
    return path


def test_aggregates_of_parts_that_overlap_are_counted_once(lake: Lake, tmp_path: Path) -> None:
    for name, ids in (("2024-07-24", range(5)), ("rest-3-9", range(3, 10))):
        text = "".join(f"{i},1.5,2.0,{i},{i},{DAY_MS + i * 1_000},True,True\n" for i in ids)
        path = tmp_path / f"NEXOUSDT-aggTrades-{name}.csv"
        path.write_text(text)
        take(lake, path)
    said = "sum(last_trade_id - first_trade_id + 1)::INT, min(symbol)"
    assert query(lake, f"SELECT count(*), {said} FROM agg_trades").row(0) == (10, 10, "NEXOUSDT")


def test_sealed_and_hot_data_of_a_day_are_counted_once(nexo: Lake) -> None:
    assert query(nexo, "SELECT date, count(*) FROM trades GROUP BY ALL ORDER BY ALL").rows() == [
        (day.date, rows)
        for day, rows in (
            (Partition.of("binance", "NEXOUSDT", "2024-07-23"), 4_681),
            (Partition.of("binance", "NEXOUSDT", "2024-07-24"), 12_215),
            (Partition.of("binance", "NEXOUSDT", "2024-07-25"), 1_921),
        )
    ]
    assert value(nexo, "SELECT count(DISTINCT trade_id) FROM trades") == 18_817
    assert value(nexo, "SELECT count(*) FROM bars_1s") == 3 * 86_400
    assert value(nexo, "SELECT count(*) FROM bars_1d") == 3


def test_hot_parts_that_overlap_are_counted_once(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(10)))
    take(lake, archive(tmp_path, range(5, 15), "NEXOUSDT-trades-2024-07.csv"))
    assert value(lake, "SELECT count(*) FROM trades") == 15
    assert value(lake, "SELECT count(*) FROM trades WHERE trade_id BETWEEN 4 AND 9") == 6
    found = query(lake, "SELECT symbol, date, trade_id FROM trades ORDER BY trade_id LIMIT 2")
    assert [str(cell) for cell in found.row(0)] == ["NEXOUSDT", "2024-07-24", "0"]
    assert query(lake, "SELECT * FROM trades WHERE symbol = 'BTCUSDT'").is_empty()
    assert query(lake, "SELECT * FROM trades WHERE date = '2024-07-25'").is_empty()


def test_hot_parts_side_by_side_are_read_as_they_lie(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(10)))
    take(lake, archive(tmp_path, range(10, 15), "NEXOUSDT-trades-2024-07.csv"))
    assert value(lake, "SELECT count(*) FROM trades") == 15
    assert not views_of(lake)["trades"].frames


@pytest.mark.parametrize("interval", [one for one in Interval if one is not Interval.SECOND])
def test_longer_bars_are_the_seconds_rolled_up(interval: Interval, nexo: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    found = query(
        nexo,
        f"SELECT * EXCLUDE (venue, symbol, date) FROM bars_{interval} "
        "WHERE date = '2024-07-24' ORDER BY ts_open",
    )
    expected = roll_up(nexo.scan("daily_bars", day), interval).collect()
    assert found.height == interval.bars_per_day
    assert found.columns == BARS.schema.names()
    assert found.cast(dict(BARS.schema)).equals(expected)


def test_every_view_is_there_before_anything_is_stored(lake: Lake) -> None:
    for name in (*VIEWS, "bars_1m", "bars_1d"):
        assert value(lake, f"SELECT count(*) FROM {name}") == 0
        assert query(lake, f"SELECT * FROM {name}").columns[:3] == list(HIVE)
    assert not lake.layout.root.exists()


def test_symbols_of_another_script_are_asked_for_by_name(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(3), "币安人生USDT-trades-2024-07-24.csv"))
    assert value(lake, "SELECT count(*) FROM trades WHERE symbol = '币安人生USDT'") == 3


def test_verdicts_can_be_asked_for(nexo: Lake) -> None:
    found = query(nexo, "SELECT DISTINCT date, condition FROM verdicts ORDER BY date")
    assert found["condition"].to_list() == ["provisional", "complete", "provisional"]


def test_a_query_changes_nothing(nexo: Lake, tree: Callable[[Path], Tree]) -> None:
    before = tree(nexo.layout.root)
    query(nexo, "SELECT * FROM trades")
    assert tree(nexo.layout.root) == before


UNSAFE = [
    "",
    ";",
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW trades",
    "COPY trades TO '{outside}'",
    "COPY (SELECT 1) TO '{outside}'",
    "COPY trades TO '{inside}'",
    "ATTACH '{outside}' AS x",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW trades AS SELECT 1",
    "INSERT INTO trades SELECT 1",
    "DELETE FROM trades",
    "DROP VIEW trades",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "PRAGMA enable_external_access",
    "INSTALL httpfs",
    "LOAD httpfs",
    "EXPORT DATABASE '{outside}'",
    "IMPORT DATABASE '{outside}'",
    "CALL pragma_version()",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/pass*')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_text('{inside}/../../outside.txt')",
    "SELECT * FROM read_text('{neighbour}')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "FROM query('COPY (SELECT 1) TO ''{outside}''')",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT getenv('HOME')",
    "SELECT INTERVAL 1 DAY",
    "SELECT * FROM nowhere",
    "SELECT * FROM views",
]


@pytest.mark.parametrize("sql", UNSAFE)
def test_only_one_reading_statement_of_the_lake_is_run(
    sql: str,
    lake: Lake,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, archive(tmp_path, range(3)))
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    neighbour = Path(f"{lake.layout.root}-2", "x.txt")
    neighbour.parent.mkdir()
    neighbour.write_text("secret")
    before = tree(tmp_path)
    places = {
        "outside": tmp_path / "written",
        "inside": lake.layout.root / "raw_trades",
        "neighbour": neighbour,
    }
    with pytest.raises(UnsafeQuery):
        query(lake, sql.format(**places) if "{" in sql else sql)
    assert tree(tmp_path) == before


def test_the_lakes_own_files_may_be_read(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(3)))
    found = query(lake, f"SELECT * FROM read_parquet('{lake.layout.root}/raw_trades/**/*.parquet')")
    assert found.height == 3


def test_decimals_are_exact_in_csv_and_json(nexo: Lake) -> None:
    sql = """SELECT price, quantity, price * quantity AS value, sum(quantity) OVER () AS total
        FROM trades WHERE date = '2024-07-24' ORDER BY trade_id LIMIT 50"""
    found = query(nexo, sql)
    stored = nexo.scan("daily_trades", Partition.of("binance", "NEXOUSDT", "2024-07-24")).collect()
    rows = list(csv.DictReader(io.StringIO(render(found, "csv").decode())))
    objects = json.loads(render(found, "json"))
    assert len(rows) == len(objects) == 50
    total = sum(stored["quantity"].to_list(), Decimal(0))
    for row, one, price, quantity in zip(
        rows,
        objects,
        stored["price"].head(50).to_list(),
        stored["quantity"].head(50).to_list(),
        strict=True,
    ):
        for form in (row, one):
            assert isinstance(form["price"], str)
            assert Decimal(form["price"]) == price
            assert Decimal(form["quantity"]) == quantity
            assert Decimal(form["value"]) == price * quantity
            assert Decimal(form["total"]) == total
            assert "e" not in form["price"].lower()


def test_json_has_numbers_texts_nulls_and_nested_values(lake: Lake) -> None:
    found = query(
        lake,
        """SELECT 1 AS a, sum(x)::HUGEINT AS b, 'x' AS c, NULL AS d, true AS e, 'nan'::DOUBLE AS f,
        0.5::DOUBLE AS g, [1.5, 2.5]::DECIMAL(9, 2)[] AS h, {'k': DATE '2024-07-24'} AS i
        FROM range(4) AS r(x)""",
    )
    assert json.loads(render(found, "json")) == [
        {
            "a": 1,
            "b": 6,
            "c": "x",
            "d": None,
            "e": True,
            "f": None,
            "g": 0.5,
            "h": ["1.50", "2.50"],
            "i": {"k": "2024-07-24"},
        },
    ]
    nested = next(csv.DictReader(io.StringIO(render(found, "csv").decode())))
    assert json.loads(nested["h"]) == ["1.50", "2.50"]
    assert json.loads(nested["i"]) == {"k": "2024-07-24"}


def test_no_rows_are_a_header_and_an_empty_list(lake: Lake) -> None:
    found = query(lake, "SELECT trade_id, price FROM trades")
    assert render(found, "csv") == b"trade_id,price\n"
    assert json.loads(render(found, "json")) == []


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_result_is_written_whole(form: str, nexo: Lake, tmp_path: Path) -> None:
    found = query(nexo, "SELECT * FROM trades WHERE date = '2024-07-25' ORDER BY trade_id")
    target = tmp_path / "new" / f"out.{form}"
    write(found, form, target)
    assert list(target.parent.iterdir()) == [target]
    if form == "parquet":
        assert pl.read_parquet(target).equals(found)
    else:
        assert target.read_bytes() == render(found, form)


def test_a_result_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    target.write_text("old")
    strange = pl.DataFrame({"x": [object()]})
    with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever the writer says
        write(strange, "parquet", target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
