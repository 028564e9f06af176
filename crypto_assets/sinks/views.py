"""Views in SQL alone: over Parquet files in Hive layout, deduplicated, rolled up, told by spans."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import BARS, LISTINGS, PRICE, QUANTITY, Table
from crypto_assets.sinks.quoting import name, path, type_of
from crypto_assets.transforms.merge import EARLIEST, LATEST
from crypto_assets.transforms.rollup import AS_OF_END, PRICES, VOLUMES

_UNIT = 10**8
_HIVE = {"venue": "VARCHAR", "symbol": "VARCHAR", "date": "DATE"}
ALONE, SHARED = "alone", "shared"
"""The directories of files whose rows are nobody else's, and of files that may share keys.

Of the latter a file's name begins with its rank: the row of the lowest one is kept.
"""


def of_tree(table: Table, tree: Path, *, labels: tuple[str, ...] = tuple(_HIVE)) -> str:
    """Select what lies in a tree, each key once, with what its directories say of it.

    ``labels`` are the levels of directories below :data:`ALONE` and :data:`SHARED`.
    """
    columns = [column for column in table.schema if column not in labels]
    if "symbol" in table.schema:
        columns.remove("symbol")
    given = ", ".join(name(column) for column in (*_HIVE, *columns))
    selects = []
    if (tree / ALONE).is_dir():
        selects.append(f"SELECT {given} FROM {_parquet(tree / ALONE, labels)}")  # noqa: S608
    if (tree / SHARED).is_dir():
        selects.append(f"SELECT {given} FROM ({_each_once(table, tree / SHARED, labels)})")  # noqa: S608
    return " UNION ALL ".join(selects) or _nothing(table, columns)


def by_coin(prices: str) -> str:
    """Give prices of coins the coin as their symbol."""
    return f"SELECT * REPLACE (coin AS symbol) FROM ({prices})"  # noqa: S608 - our own


def _parquet(directory: Path, labels: tuple[str, ...], more: str = "") -> str:
    files = path(directory, "*/" * len(labels) + "*.parquet")
    types = ", ".join(f"'{label}': {_HIVE[label]}" for label in labels)
    return f"read_parquet({files}, hive_partitioning = true, hive_types = {{{types}}}{more})"


def _each_once(table: Table, directory: Path, labels: tuple[str, ...]) -> str:
    """Keep each key once, as :func:`crypto_assets.transforms.merge.merge` does."""
    keys = ", ".join(name(key) for key in (*labels, *table.key))
    seen = [column for column in table.schema if column in (*LATEST, *EARLIEST)]
    kept = [column for column in table.schema if column not in (*table.key, *seen)]
    times = [
        f"{'max' if column in LATEST else 'min'}({name(column)}) AS {name(column)}"
        for column in seen
    ]
    row = ", ".join(f"{name(column)} := {name(column)}" for column in kept)
    chosen = ", ".join(f"_kept.{name(column)}" for column in kept)
    others = ", ".join(name(column) for column in seen)
    return (
        f"SELECT {keys}, {others}, {chosen} FROM ("  # noqa: S608 - our own names
        f"SELECT {keys}, {', '.join(times)}, arg_min(struct_pack({row}), filename) AS _kept "
        f"FROM {_parquet(directory, labels, ', filename = true')} GROUP BY {keys})"
    )


def _nothing(table: Table, columns: list[str]) -> str:
    types = {**_HIVE, **{column: type_of(table.schema[column]) for column in columns}}
    empty = ", ".join(f"CAST(NULL AS {kind}) AS {name(column)}" for column, kind in types.items())
    return f"SELECT {empty} WHERE false"


def rolled_up(interval: Interval) -> str:
    """Select longer bars from the view ``bars_1s``, as :func:`roll_up` makes them, to the digit.

    Prices are of the bars with trades alone; a bar without any repeats the close of its last part.
    """
    opens = "epoch_us(ts_open)"
    price, quantity = type_of(PRICE), type_of(QUANTITY)
    last = {"close": "last_close", **{column: column for column in AS_OF_END}}
    sums = ", ".join(f"CAST(sum({one}) AS {quantity}) AS {one}" for one in VOLUMES)
    ends = ", ".join(f"arg_max_null({one}, ts_open) AS {alias}" for one, alias in last.items())
    made = {
        **{one: f"coalesce(traded_{one}, last_close)" for one in PRICES},
        # Half up to 8 decimals, in whole numbers of 128 bits.
        "vwap": f"CASE WHEN volume > 0 THEN CAST(CAST((CAST(quote_volume * {_UNIT} AS HUGEINT) "
        f"* {_UNIT} + CAST(volume * {_UNIT} AS HUGEINT) // 2) // CAST(volume * {_UNIT} AS HUGEINT) "
        f"AS DECIMAL(18, 0)) * 0.00000001 AS {price}) END",
    }
    given = ", ".join(
        f"{made[column]} AS {column}" if column in made else name(column) for column in BARS.schema
    )
    return f"""
SELECT venue, symbol, date, {given} FROM (
    SELECT venue, symbol, date,
        make_timestamptz({opens} - {opens} % {interval.microseconds}) AS ts_open,
        arg_min(open, ts_open) FILTER (trade_count > 0) AS traded_open,
        max(high) FILTER (trade_count > 0) AS traded_high,
        min(low) FILTER (trade_count > 0) AS traded_low,
        arg_max(close, ts_open) FILTER (trade_count > 0) AS traded_close,
        {sums}, CAST(sum(trade_count) AS BIGINT) AS trade_count,
        min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id,
        bool_and(is_complete) AS is_complete, {ends}
    FROM bars_1s
    GROUP BY venue, symbol, date, {opens} - {opens} % {interval.microseconds}
)
"""  # noqa: S608 - our own names


def spans_of_listings(same: tuple[str, ...]) -> str:
    """Select from ``listings`` a row for every span of days on which columns stayed the same."""
    symbol = "PARTITION BY venue, symbol ORDER BY date"
    differs = " OR ".join(f"{one} IS DISTINCT FROM lag({one}) OVER ({symbol})" for one in same)
    columns = [column for column in LISTINGS.schema if column != "symbol"]
    last = ", ".join(f"arg_max_null({name(one)}, date) AS {name(one)}" for one in columns)
    return f"""
SELECT venue, symbol, min(date) AS date, max(date) AS last_date,
    CAST(count(*) AS UINTEGER) AS days, {last}
FROM (
    SELECT *, sum(begins) OVER ({symbol}) AS span
    FROM (SELECT *, CAST({differs} AS INTEGER) AS begins FROM listings)
)
GROUP BY venue, symbol, span
"""  # noqa: S608 - our own names


def facts(columns: pl.Schema) -> str:
    """Write the columns of a table as they are declared."""
    return ", ".join(f"{name(column)} {type_of(dtype)}" for column, dtype in columns.items())
