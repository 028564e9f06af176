"""Whatever comes from outside is a text, a path or a name to DuckDB, and never SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.tables import TABLES
from crypto_assets.sinks.quoting import checked_root, name, path, text, type_of

HOSTILE = [
    "a b",
    "o'brien",
    "'; DROP TABLE trades; --",
    'q"uote',
    "br[1]ack",
    "st*ar",
    "qu?es",
    "[!a]",
    "[a-z]",
    "{a,b}",
    "币安人生",
    "comma, x",
    "$x ~y #z ;%20",
    "a]b",
    "new\nline",
]
PRINTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(PRINTABLE)
def test_a_text_comes_back_as_it_was(value: str) -> None:
    assert duckdb.sql(f"SELECT {text(value)}").fetchall() == [(value,)]


@given(PRINTABLE.filter(bool))
def test_a_name_comes_back_as_it_was(value: str) -> None:
    assert duckdb.sql(f"SELECT 1 AS {name(value)}").columns == [value]


@pytest.mark.parametrize("directory", HOSTILE)
def test_a_path_stands_for_itself_and_nothing_beside_it(directory: str, tmp_path: Path) -> None:
    for number, each in enumerate((directory, "br1ack", "stXar", "quXes", "x")):
        (tmp_path / each).mkdir(exist_ok=True)
        if number == 0 or each != directory:
            pl.DataFrame({"x": [number]}).write_parquet(tmp_path / each / "one.parquet")
    for quoted in (
        path(tmp_path / directory / "one.parquet"),
        path(tmp_path / directory, "*.parquet"),
    ):
        assert duckdb.sql(f"SELECT x FROM read_parquet({quoted})").fetchall() == [(0,)]


def test_an_unquoted_pattern_would_have_matched_another_directory(tmp_path: Path) -> None:
    (tmp_path / "br1ack").mkdir()
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "br1ack" / "one.parquet")
    naive = text(str(tmp_path / "br[1]ack" / "*.parquet"))
    assert duckdb.sql(f"SELECT x FROM read_parquet({naive})").fetchall() == [(1,)]
    with pytest.raises(duckdb.IOException, match="No files found"):
        duckdb.sql(f"SELECT x FROM read_parquet({path(tmp_path / 'br[1]ack', '*.parquet')})")


@pytest.mark.parametrize("wrong", ["/a\\b/lake", "/data/symbol=X/lake", "/date=x", "/x/venue="])
def test_a_lake_that_duckdb_would_misread_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidName, match="expected a path without"):
        checked_root(Path(wrong))


def test_a_lake_anywhere_else_is_taken() -> None:
    for directory in HOSTILE:
        root = Path("/data", directory, "my symbols=no")
        assert checked_root(root) == root


def test_every_column_of_the_lake_has_a_type_that_duckdb_gives_back() -> None:
    for table in TABLES.values():
        declared = ", ".join(f"{name(one)} {type_of(of)}" for one, of in table.schema.items())
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE x ({declared})")
        assert connection.sql("FROM x").pl().schema == table.schema
        connection.close()
