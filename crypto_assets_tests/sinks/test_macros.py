"""A range of days is given whole or refused, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from crypto_assets.model.tables import BARS, TRADES
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline.completeness import COMPLETENESS
from crypto_assets.sinks.macros import macros
from crypto_assets.sinks.quoting import name, type_of

LABELS = {"venue": "VARCHAR", "symbol": "VARCHAR", "date": "DATE"}
PROVEN = "'A', '2024-01-01', '2024-01-02'"
REFUSED = {
    "degraded": "'A', '2024-01-01', '2024-01-03'",
    "absent": "'A', '2024-01-02', '2024-01-09'",
    "nothing known at all": "'B', '2024-01-01', '2024-01-01'",
    "years before": "'A', DATE '2020-01-01', DATE '2020-01-02'",
    "another venue": "'A', '2024-01-01', '2024-01-01', of_venue := 'bybit'",
    "the last before the first": "'A', '2024-01-02', '2024-01-01'",
    "no first": "'A', NULL, '2024-01-01'",
    "no symbol": "NULL, '2024-01-01', '2024-01-01'",
}
QUERIES = [
    "SELECT * FROM {m}",
    "SELECT count(*) FROM {m}",
    "SELECT * FROM {m} LIMIT 1",
    "SELECT 1 FROM {m} LIMIT 1",
    "SELECT * FROM {m} OFFSET 1000000",
    "SELECT * FROM {m} USING SAMPLE 10 ROWS",
    "SELECT EXISTS (SELECT 1 FROM {m})",
    "SELECT max(price) FROM {m}",
    "SELECT (SELECT max(price) FROM {m})",
    "SELECT * FROM {m} ORDER BY price DESC LIMIT 2",
    "SELECT is_buyer_maker, count(*) FROM {m} GROUP BY ALL",
    "SELECT DISTINCT symbol FROM {m}",
    "SELECT * FROM {m} WHERE price > 100",
    "SELECT count(*) FROM {m} WHERE price > 1e9",
    "SELECT * FROM {m} WHERE price IS NULL",
    "SELECT * FROM {m} WHERE price IS NOT NULL",
    "SELECT * FROM {m} WHERE is_buyer_maker",
    "SELECT * FROM {m} WHERE symbol = 'A'",
    "SELECT * FROM {m} WHERE symbol = 'nowhere'",
    "SELECT * FROM {m} WHERE venue = 'x' AND price < 0",
    "SELECT count(*) FROM {m} WHERE date = '2024-01-01'",
    "SELECT count(*) FROM {m} WHERE date > '2030-01-01'",
    "SELECT count(*) FROM {m} WHERE date < '2000-01-01' OR trade_id < 0",
    "SELECT price FROM {m} WHERE trade_id = 1 LIMIT 1",
    "WITH q AS (FROM {m}) SELECT count(*) FROM q",
    "WITH q AS MATERIALIZED (FROM {m}) SELECT count(*) FROM q WHERE trade_id = 1",
    "SELECT * FROM {m} a JOIN {m} b USING (trade_id) LIMIT 1",
    "SELECT count(*) FROM {m} a, (SELECT 1 WHERE random() > 2) b",
    "SELECT * FROM (VALUES (1)) v(x) LEFT JOIN {m} t ON t.trade_id = v.x",
    "SELECT * FROM {m} a WHERE EXISTS (SELECT 1 FROM (VALUES (1)) z(y) WHERE z.y = a.trade_id)",
    "SELECT * FROM trades WHERE price IN (SELECT price FROM {m})",
    "SELECT * FROM (FROM {m}) UNION SELECT * FROM trades LIMIT 1",
    "SELECT row_number() OVER (ORDER BY trade_id) FROM {m} QUALIFY row_number() OVER () = 1",
]
ASKS_FOR_NOTHING = [
    "SELECT * FROM {m} LIMIT 0",
    "SELECT * FROM {m} WHERE false",
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two proven days, a degraded one, nothing after; bars of the first day only."""
    with duckdb.connect() as found:
        found.execute("SET TimeZone = 'UTC'")
        known = ", ".join(f"{name(one)} {type_of(of)}" for one, of in COMPLETENESS.items())
        found.execute(f"CREATE TABLE completeness ({known})")
        for table, schema in (("trades", TRADES.schema), ("bars_1m", BARS.schema)):
            columns = {**LABELS, **{one: type_of(of) for one, of in schema.items()}}
            declared = ", ".join(f"{name(one)} {of}" for one, of in columns.items())
            found.execute(f"CREATE TABLE _{table} ({declared})")
            # Views, for a macro's parameter must not be taken for a view's column.
            found.execute(f"CREATE VIEW {table} AS SELECT venue, * EXCLUDE (venue) FROM _{table}")
        for statement in macros("binance"):
            found.execute(statement)
        found.execute(
            """INSERT INTO completeness VALUES
            ('binance', 'A', '2024-01-01', 'complete', true, 0, [], '', true, true),
            ('binance', 'A', '2024-01-02', 'confirmed', true, 0, [], '', true, false),
            ('binance', 'A', '2024-01-03', 'degraded', false, 12,
                [{first: 1, last: 5}, {first: 7, last: 7}, {first: 20, last: 25}],
                'its bars', false, true),
            ('bybit', 'A', '2024-01-02', 'confirmed', true, 0, [], '', true, true)""",
        )
        found.execute(
            """INSERT INTO _trades (venue, symbol, date, trade_id, price, is_buyer_maker)
            SELECT v, 'A', DATE '2024-01-01' + d::INTEGER, 10 * d + i, 100 + i, i % 2 = 0
            FROM (VALUES ('binance'), ('bybit')) vs(v), range(3) ds(d), range(10) ns(i)""",
        )
        found.execute(
            """INSERT INTO _bars_1m (venue, symbol, date, trade_count)
            SELECT 'binance', 'A', DATE '2024-01-01' + d::INTEGER, i
            FROM range(3) ds(d), range(4) ns(i)""",
        )
        yield found


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("why", REFUSED)
def test_a_range_that_is_not_proven_is_refused_whatever_is_asked_of_it(
    why: str, sql: str, connection: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(
        duckdb.InvalidInputException, match=r"expected (every day proven|the first)"
    ):
        connection.execute(sql.format(m=f"complete_trades({REFUSED[why]})")).fetchall()


@pytest.mark.parametrize("sql", [*QUERIES, *ASKS_FOR_NOTHING])
def test_a_range_that_is_proven_is_the_same_as_the_view(
    sql: str, connection: duckdb.DuckDBPyConnection
) -> None:
    plain = """(SELECT * FROM trades WHERE venue = 'binance' AND symbol = 'A'
        AND date BETWEEN '2024-01-01' AND '2024-01-02')"""
    found = connection.execute(sql.format(m=f"complete_trades({PROVEN})")).fetchall()
    expected = connection.execute(sql.format(m=plain)).fetchall()
    if "LIMIT 1" in sql or "SAMPLE" in sql:
        assert len(found) == len(expected)
    else:
        assert sorted(map(str, found)) == sorted(map(str, expected))


@pytest.mark.parametrize("sql", ASKS_FOR_NOTHING)
def test_only_who_asks_for_no_row_at_all_is_given_none(
    sql: str, connection: duckdb.DuckDBPyConnection
) -> None:
    query = sql.format(m=f"complete_trades({REFUSED['degraded']})")
    assert connection.execute(query).fetchall() == []


def refusal(connection: duckdb.DuckDBPyConnection, call: str) -> str:
    with pytest.raises(duckdb.InvalidInputException) as refused:
        connection.execute(f"SELECT count(*) FROM {call}").fetchall()
    return str(refused.value)


def test_a_refusal_names_days_conditions_and_missing_ids(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert refusal(connection, "complete_trades('A', '2024-01-01', '2024-01-04')").endswith(
        "binance:A 2024-01-01 to 2024-01-04: expected every day proven, found 2 of 4 that are not: "
        "2024-01-03 degraded, 12 ids missing: 1..5, 7..7, 20..25 (its bars); "
        "2024-01-04 missing (nothing stored)",
    )


def test_a_refusal_of_a_long_range_stays_short(connection: duckdb.DuckDBPyConnection) -> None:
    said = refusal(connection, "complete_trades('A', '2024-01-01', '2033-12-31')")
    assert "found 3651 of 3653 that are not" in said
    assert said.endswith("; and 3641 more")
    assert len(said) < 700


def test_bars_are_refused_where_there_are_none_of_the_proven_trades(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = connection.execute(
        "SELECT count(*) FROM complete_bars('A', '2024-01-01', '2024-01-01')"
    )
    assert found.fetchall() == [(4,)]
    said = refusal(connection, "complete_bars('A', '2024-01-01', '2024-01-02')")
    assert "2024-01-02 confirmed: there are no bars of its trades" in said


def test_an_interval_that_no_view_has_is_an_error(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.CatalogException, match="bars_7m"):
        connection.execute("FROM complete_bars('A', '2024-01-01', '2024-01-01', length := '7m')")


def test_symbols_of_a_column_are_asked_for_one_by_one(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    each = (
        "SELECT (SELECT count(*) FROM complete_trades(s, '2024-01-01', '2024-01-01')) FROM {} t(s)"
    )
    assert connection.execute(each.format("(VALUES ('A'))")).fetchall() == [(10,)]
    with pytest.raises(duckdb.InvalidInputException, match="binance:B"):
        connection.execute(each.format("(VALUES ('A'), ('B'))")).fetchall()


@pytest.mark.parametrize(
    "hostile", ["x'; DROP TABLE trades; --", 'x"', "币安", "", "%", "A' OR '1"]
)
def test_a_hostile_symbol_is_only_a_symbol_nobody_has(
    hostile: str, connection: duckdb.DuckDBPyConnection
) -> None:
    sql = "SELECT count(*) FROM complete_trades(?, '2024-01-01', '2024-01-01')"
    with pytest.raises(duckdb.InvalidInputException, match="expected every day proven") as refused:
        connection.execute(sql, [hostile]).fetchall()
    assert f"binance:{hostile} " in str(refused.value)


def test_flagged_rows_say_of_each_whether_its_day_is_proven(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = connection.execute(
        "SELECT date::VARCHAR, condition, is_proven, count(*) "
        "FROM flagged_trades('A', '2024-01-01', '2024-01-09') GROUP BY ALL ORDER BY ALL",
    ).fetchall()
    assert found == [
        ("2024-01-01", "complete", True, 10),
        ("2024-01-02", "confirmed", True, 10),
        ("2024-01-03", "degraded", False, 10),
    ]
    elsewhere = connection.execute(
        "SELECT date::VARCHAR, condition, is_proven, count(*) FROM "
        "flagged_trades('A', '2024-01-01', '2024-01-02', of_venue := 'bybit') GROUP BY 1, 2, 3 "
        "ORDER BY 1",
    ).fetchall()
    assert elsewhere == [
        ("2024-01-01", "missing", False, 10),
        ("2024-01-02", "confirmed", True, 10),
    ]


def test_every_day_that_is_asked_for_has_a_row(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "SELECT date::VARCHAR, condition, is_proven, missing_ids "
        "FROM asked_days('A', '2024-01-02', '2024-01-04')",
    ).fetchall()
    assert sorted(found) == [
        ("2024-01-02", "confirmed", True, 0),
        ("2024-01-03", "degraded", False, 12),
        ("2024-01-04", "missing", False, None),
    ]


@pytest.mark.parametrize("condition", list(Condition))
def test_a_range_is_given_only_where_every_condition_is_proven(
    condition: Condition, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO completeness VALUES "
        "('binance', 'C', '2024-01-01', ?, ?, 0, [], '', true, true)",
        [condition.value, condition.is_proven],
    )
    try:
        sql = "SELECT count(*) FROM complete_trades('C', '2024-01-01', '2024-01-01')"
        if condition in (Condition.CONFIRMED, Condition.COMPLETE, Condition.HALTED):
            assert connection.execute(sql).fetchall() == [(0,)]
        else:
            with pytest.raises(duckdb.InvalidInputException, match=f"2024-01-01 {condition}"):
                connection.execute(sql).fetchall()
    finally:
        connection.execute("ROLLBACK")
