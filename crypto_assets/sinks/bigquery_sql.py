"""The GoogleSQL a load consists of, as text; every value in it was checked before it came here.

Values are literals and not query parameters: partitions are pruned by constants, and a script's
statements all see the same ones.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from crypto_assets.errors import InvalidName
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import Table
from crypto_assets.sinks.bigquery_schema import LEDGER_COLUMNS, LEDGER_KEY

Value = str | int | dt.date | dt.datetime
_PATH = re.compile(r"[^`\\\s]{1,1500}")
_PLAIN = re.compile(r"[\w.:+-]*")


def quoted(path: str) -> str:
    """Write ``project.dataset.table`` for SQL.

    Raises:
        InvalidName: it has a back-tick, a backslash or white space.
    """
    if not _PATH.fullmatch(path):
        raise InvalidName(f"table {path!r}: expected project.dataset.table")
    return f"`{path}`"


def literal(value: Value) -> str:
    """Write a value for SQL.

    Raises:
        InvalidName: a text is more than letters, digits and ``. : + - _``.
    """
    match value:
        case str():
            if not _PLAIN.fullmatch(value):
                raise InvalidName(f"{value!r}: expected letters, digits and . : + - _")
            return f"'{value}'"
        case dt.datetime():
            return f"TIMESTAMP '{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
        case dt.date():
            return f"DATE '{value.isoformat()}'"
    return str(value)


def replace_day(target: str, staging: str, table: Table, partition: Partition) -> str:
    """Write the one MERGE after which a day in ``target`` is what ``staging`` holds.

    Rows are matched by venue, symbol, day and the table's key. Equal rows are left alone, others
    updated; what is not in staging is deleted, within the venue, symbol and day only. Each clause
    names the day as a constant, so that BigQuery need not read the others.
    https://cloud.google.com/bigquery/docs/using-dml-with-partitioned-tables
    """
    fixed = _partition(partition)
    here = " AND ".join(f"t.{name} = {value}" for name, value in fixed.items())
    values = [name for name in table.schema if name not in table.key]
    differs = " OR ".join(f"t.{name} IS DISTINCT FROM s.{name}" for name in values)
    settings = ", ".join(f"{name} = s.{name}" for name in values)
    return (
        f"MERGE {quoted(target)} AS t\n"
        f"USING {quoted(staging)} AS s\n"
        f"ON {here} AND {_same(table)}\n"
        f"WHEN MATCHED AND {here} AND ({differs}) THEN UPDATE SET {settings}\n"
        f"WHEN NOT MATCHED BY TARGET THEN {_insert(fixed, table)}\n"
        f"WHEN NOT MATCHED BY SOURCE AND {here} THEN DELETE"
    )


def _partition(partition: Partition) -> dict[str, str]:
    return {
        "venue": literal(partition.instrument.venue),
        "symbol": literal(partition.instrument.symbol),
        "date": literal(partition.date),
    }


def _same(table: Table) -> str:
    """Compare keys; a null in one is a value like others."""
    nullable = {name for name, column in table.model.to_schema().columns.items() if column.nullable}
    return " AND ".join(
        f"COALESCE(t.{name}, '') = COALESCE(s.{name}, '')"
        if name in nullable
        else f"t.{name} = s.{name}"
        for name in table.key
    )


def _insert(fixed: Mapping[str, str], table: Table) -> str:
    names = ", ".join([*fixed, *table.schema])
    values = ", ".join([*fixed.values(), *(f"s.{name}" for name in table.schema)])
    return f"INSERT ({names}) VALUES ({values})"


def note(ledger: str, row: Mapping[str, Value]) -> str:
    """Write the MERGE that notes in the ledger what a day holds now."""
    names = [column.name for column in LEDGER_COLUMNS]
    listed, new = ", ".join(names), ", ".join(f"n.{name}" for name in names)
    given = ", ".join(f"{literal(row[name])} AS {name}" for name in names)
    same = " AND ".join(f"l.{name} = n.{name}" for name in LEDGER_KEY)
    settings = ", ".join(f"{name} = n.{name}" for name in names if name not in LEDGER_KEY)
    return (
        f"MERGE {quoted(ledger)} AS l\n"
        f"USING (SELECT {given}) AS n\n"
        f"ON {same}\n"
        f"WHEN MATCHED THEN UPDATE SET {settings}\n"
        f"WHEN NOT MATCHED BY TARGET THEN INSERT ({listed}) VALUES ({new})"
    )


def transaction(statements: Sequence[str]) -> str:
    """Write a script that does all of the statements or none.

    https://cloud.google.com/bigquery/docs/transactions
    """
    return ";\n".join(("BEGIN TRANSACTION", *statements, "COMMIT TRANSACTION")) + ";"


def loaded(ledger: str, targets: Sequence[str], first: dt.date, last: dt.date) -> str:
    """Write the question what the ledger says of some tables' days."""
    names = ", ".join(literal(target) for target in targets)
    return (
        "SELECT target, venue, symbol, date, logical_hash, version, row_count, generation\n"
        f"FROM {quoted(ledger)}\n"
        f"WHERE target IN ({names}) AND date BETWEEN {literal(first)} AND {literal(last)}"
    )


def add_new(
    target: str,
    staging: str,
    batch: str,
    names: Sequence[str],
    first: dt.date,
    last: dt.date,
) -> str:
    """Write the MERGE that adds a batch's trades that ``target`` has not; it changes no other row.

    A trade's day follows from when it was matched, so only the batch's days are looked at.
    """
    listed, new = ", ".join(names), ", ".join(f"s.{name}" for name in names)
    return (
        f"MERGE {quoted(target)} AS t\n"
        f"USING (SELECT date, {listed} FROM {quoted(staging)} "
        f"WHERE batch = {literal(batch)}) AS s\n"
        f"ON t.date BETWEEN {literal(first)} AND {literal(last)}\n"
        "AND t.venue = s.venue AND t.symbol = s.symbol AND t.trade_id = s.trade_id\n"
        "AND COALESCE(t.match_id, '') = COALESCE(s.match_id, '')\n"
        f"WHEN NOT MATCHED BY TARGET THEN INSERT (date, {listed}) VALUES (s.date, {new})"
    )
