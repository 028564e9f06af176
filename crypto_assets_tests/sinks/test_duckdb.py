"""Views over files and frames are one table, and a statement can leave it by no way."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import polars as pl
import pytest

from crypto_assets.errors import UnsafeQuery
from crypto_assets.sinks.duckdb import HIVE, View, attach, query

SCHEMA = pl.Schema({"trade_id": pl.Int64(), "at": pl.Datetime("us", "UTC")})
DATE = dt.date(2024, 7, 24)
AT = dt.datetime(2024, 7, 24, 23, 59, 59, 1, tzinfo=dt.UTC)


def rows(*ids: int) -> pl.DataFrame:
    return pl.DataFrame({"trade_id": ids, "at": [AT] * len(ids)}, schema=SCHEMA)


def stored(root: Path, symbol: str, *ids: int) -> Path:
    path = root / "venue=binance" / f"symbol={symbol}" / f"date={DATE}" / "part's.parquet"
    path.parent.mkdir(parents=True)
    rows(*ids).write_parquet(path)
    return path


def labelled(symbol: str, *ids: int) -> pl.LazyFrame:
    labels = {"venue": "binance", "symbol": symbol, "date": DATE}
    return (
        rows(*ids).lazy().with_columns(pl.lit(value).alias(name) for name, value in labels.items())
    )


def test_files_and_frames_are_one_view_with_what_their_directories_say(tmp_path: Path) -> None:
    view = View(SCHEMA, [stored(tmp_path, "币安", 1, 2)], [labelled("BTC", 3), labelled("ETH", 4)])
    found = query({"trades": view}, "SELECT * FROM trades ORDER BY trade_id", readable=tmp_path)
    assert found.columns == [*HIVE, *SCHEMA]
    assert found["symbol"].to_list() == ["币安", "币安", "BTC", "ETH"]
    assert found["date"].to_list() == [DATE] * 4
    assert found["at"].to_list() == [AT] * 4
    assert found.schema["at"] == SCHEMA["at"]


@pytest.mark.parametrize("kind", ["files", "frames", "both", "none"])
def test_a_view_has_its_columns_whatever_it_reads(kind: str, tmp_path: Path) -> None:
    files = [stored(tmp_path, "BTC", 1)] if kind in ("files", "both") else []
    frames = [labelled("ETH", 2)] if kind in ("frames", "both") else []
    view = View(SCHEMA, files, frames)
    found = query({"x": view}, "SELECT count(*) AS n, max(trade_id) AS m FROM x", readable=tmp_path)
    expected = {"files": (1, 1), "frames": (1, 2), "both": (2, 2), "none": (0, None)}
    assert found.row(0) == expected[kind]
    columns = query({"x": view}, "SELECT * FROM x LIMIT 0", readable=tmp_path).columns
    assert columns == [*HIVE, *SCHEMA]


def test_views_can_be_attached_again_as_the_files_come_and_go(tmp_path: Path) -> None:
    connection = duckdb.connect()
    attach(connection, {"x": View(SCHEMA, [stored(tmp_path, "BTC", 1)])})
    attach(connection, {"x": View(SCHEMA, [stored(tmp_path, "ETH", 1, 2)])})
    assert connection.execute("SELECT count(*) FROM x").fetchall() == [(2,)]
    connection.close()


def test_symbols_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    view = View(SCHEMA, [stored(tmp_path, "007", 1)])
    assert query({"x": view}, "SELECT symbol FROM x", readable=tmp_path).item() == "007"


def test_a_file_that_is_gone_is_an_error_of_ours(tmp_path: Path) -> None:
    path = stored(tmp_path, "BTC", 1)
    path.unlink()
    with pytest.raises(UnsafeQuery):
        query({"x": View(SCHEMA, [path])}, "SELECT * FROM x", readable=tmp_path)


def test_only_the_readable_directory_can_be_read(tmp_path: Path) -> None:
    inside = stored(tmp_path / "lake", "BTC", 1)
    outside = stored(tmp_path / "lake-2", "BTC", 1)
    sql = "SELECT count(*) FROM read_parquet('{}')"
    readable = tmp_path / "lake"
    quoted = str(inside).replace("'", "''")
    assert query({}, sql.format(quoted), readable=readable).item() == 1
    for path in (outside, readable / ".." / "lake-2" / outside.relative_to(tmp_path / "lake-2")):
        with pytest.raises(UnsafeQuery, match="Permission Error"):
            query({}, sql.format(str(path).replace("'", "''")), readable=readable)


def test_a_link_out_of_the_directory_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    (tmp_path / "lake").mkdir()
    sql = f"SELECT content FROM read_text('{tmp_path}/lake/../secret.txt')"
    with pytest.raises(UnsafeQuery):
        query({}, sql, readable=tmp_path / "lake")


def test_a_result_no_frame_can_hold_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UnsafeQuery):
        query({}, "SELECT INTERVAL 1 DAY", readable=tmp_path)


def test_a_statement_cannot_change_what_the_next_one_sees(tmp_path: Path) -> None:
    view = {"x": View(SCHEMA, [stored(tmp_path, "BTC", 1)])}
    for sql in ("DROP VIEW x", "CREATE VIEW y AS SELECT 1", "SET TimeZone = 'Asia/Tokyo'"):
        with pytest.raises(UnsafeQuery, match="expected one SELECT statement"):
            query(view, sql, readable=tmp_path)
    assert query(view, "SELECT count(*) FROM x", readable=tmp_path).item() == 1
