"""BigQuery's types hold every value of the declared ones, and its names are one each."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName, SchemaMismatch
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, OHLCV, TABLES, TRADES
from crypto_assets.sinks.bigquery_schema import column_of, columns_of, target_of
from crypto_assets.sinks.bigquery_sql import literal, quoted, replace_day

VENUES = st.text("ab_", min_size=2, max_size=4).filter(lambda text: text[0] != "_") | st.just(
    "binance",
)
SYMBOLS = st.text("AB1", min_size=2, max_size=4)
INSTRUMENTS = st.builds(Instrument, VENUES, SYMBOLS)


@given(st.integers(1, 38), st.data())
def test_a_decimal_is_the_smallest_type_that_holds_it(precision: int, data: st.DataObject) -> None:
    scale = data.draw(st.integers(0, precision))
    column = column_of("price", pl.Decimal(precision, scale))
    assert (column.precision, column.scale) == (precision, scale)
    fits = scale <= 9 and precision - scale <= 29
    assert column.type == ("NUMERIC" if fits else "BIGNUMERIC")


@pytest.mark.parametrize(
    "dtype",
    [pl.Float64(), pl.Float32(), pl.Datetime("ns", "UTC"), pl.Datetime("us"), pl.UInt64()],
    ids=str,
)
def test_a_type_that_would_lose_something_is_refused(dtype: pl.DataType) -> None:
    with pytest.raises(SchemaMismatch, match="price"):
        column_of("price", dtype)


def is_exact(name: str) -> bool:
    return pl.Float64 not in TABLES[name].schema.values()


def test_only_what_is_derived_has_no_exact_type() -> None:
    assert [name for name in TABLES if not is_exact(name)] == ["indicators"]
    with pytest.raises(SchemaMismatch, match="no exact type"):
        columns_of(TABLES["indicators"])


@pytest.mark.parametrize("name", list(filter(is_exact, TABLES)))
def test_every_exact_table_of_the_lake_has_a_schema(name: str) -> None:
    table = TABLES[name]
    declared = table.model.to_schema().columns
    columns = columns_of(table)
    assert [column.name for column in columns] == list(table.schema)
    for column in columns:
        assert column.is_nullable == declared[column.name].nullable
        assert "FLOAT" not in column.type


def test_bars_of_any_exchange_need_the_big_one() -> None:
    assert {c.type for c in columns_of(OHLCV) if c.precision} == {"BIGNUMERIC"}
    assert {c.type for c in columns_of(BARS) if c.precision} == {"NUMERIC"}


@given(st.lists(INSTRUMENTS, min_size=2, max_size=2, unique=True))
def test_no_two_instruments_share_a_table(pair: list[Instrument]) -> None:
    names = [target_of("daily_trades", one, per_symbol=True, home="binance") for one in pair]
    assert names[0] != names[1]


@given(st.text())
def test_no_text_leaves_its_quotes(text: str) -> None:
    try:
        written = literal(text)
    except InvalidName:
        return
    assert written == f"'{text}'"
    assert not set("'\\\n`") & set(text)


@pytest.mark.parametrize("path", ["a.b.c`; DROP TABLE x", "a.b.c d", "", "a\\b"])
def test_no_table_leaves_its_quotes(path: str) -> None:
    with pytest.raises(InvalidName):
        quoted(path)


def test_a_day_is_replaced_within_its_symbol_only() -> None:
    day = Partition.of("bybit", "BTCUSDT", "2024-02-29")
    here = "t.venue = 'bybit' AND t.symbol = 'BTCUSDT' AND t.date = DATE '2024-02-29'"
    lines = replace_day("p.d.bars_1s", "p.d._s", BARS, day).split("\n")
    assert lines[2] == f"ON {here} AND t.ts_open = s.ts_open"
    assert lines[-1] == f"WHEN NOT MATCHED BY SOURCE AND {here} THEN DELETE"
    trades = replace_day("p.d.trades", "p.d._s", TRADES, day).split("\n")
    assert trades[2] == (
        f"ON {here} AND t.trade_id = s.trade_id AND "
        "COALESCE(t.match_id, '') = COALESCE(s.match_id, '')"
    )
