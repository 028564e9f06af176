"""One DuckDB file: views, macros, a table of what is known of days, and a table a symbol.

Whoever writes it has it alone: a file that others read is written as a copy that takes its place.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from crypto_assets.errors import CommitFailed, UnreadableInput
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.tables import TRADES
from crypto_assets.sinks.quoting import name, path, text
from crypto_assets.sinks.views import facts

LEDGER = "_loads"
_ABOUT = "_warehouse"
_DAYS = "_days"
_LEDGER = """
    table_name VARCHAR NOT NULL, venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    date DATE NOT NULL, version BIGINT NOT NULL, logical_hash VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL, rows BIGINT NOT NULL, loaded_at TIMESTAMP WITH TIME ZONE NOT NULL
"""
_ABOUT_COLUMNS = "lake VARCHAR NOT NULL, definition VARCHAR NOT NULL"


@dataclass(frozen=True, slots=True)
class Load:
    """One day of one table, as it was loaded."""

    table: str
    instrument: Instrument
    date: dt.date
    version: int
    logical_hash: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class State:
    """What a warehouse holds."""

    definition: str
    """The hash of its views, macros and facts."""
    loads: Mapping[tuple[str, dt.date], Load]


def table_of(instrument: Instrument, default_venue: str) -> str:
    """Name the table of a symbol's trades, such as ``trades_btcusdt``.

    A symbol has no underscore, so no two venues' tables have one name.
    """
    venue = "" if instrument.venue == default_venue else f"{instrument.venue}_"
    return f"trades_{venue}{instrument.symbol.lower()}"


@contextlib.contextmanager
def translated(subject: Path) -> Iterator[None]:
    """Translate what DuckDB says of a file that it cannot read or write.

    Raises:
        CommitFailed: with what it says.
    """
    try:
        yield
    except duckdb.Error as error:
        raise CommitFailed(f"{subject}: expected a warehouse, found {error}") from error


def state_of(file: Path) -> State | None:
    """Read what a warehouse holds, None where there is no file.

    Raises:
        UnreadableInput: the file is none of DuckDB's, or no warehouse.
    """
    if not file.exists():
        return None
    try:
        # Attached, for connecting would give the file that was here before, where this process
        # still has it open.
        with contextlib.closing(duckdb.connect()) as connection:
            attach(connection, file)
            about = connection.execute(f"SELECT definition FROM {_ABOUT}").fetchone()  # noqa: S608
            rows = connection.execute(
                "SELECT table_name, venue, symbol, date, version, logical_hash, sha256, rows "  # noqa: S608
                f"FROM {LEDGER} ORDER BY table_name, date",
            ).fetchall()
    except duckdb.Error as error:
        raise UnreadableInput(
            f"{file}: expected a warehouse that was made here, found {error}; nothing was changed",
        ) from error
    loads = [Load(row[0], Instrument(row[1], row[2]), *row[3:]) for row in rows]
    return State(about[0] if about else "", {(one.table, one.date): one for one in loads})


def attach(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Make a warehouse, as it is now, what a connection reads; its names need no prefix."""
    connection.execute(f"ATTACH {text(str(file))} AS warehouse (READ_ONLY)")
    connection.execute("USE warehouse")
    connection.execute("SET TimeZone = 'UTC'")


@contextlib.contextmanager
def opened(file: Path, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse that nobody else knows of yet, to write to it.

    What does not fit into memory goes into the directory ``spill``.

    Raises:
        CommitFailed: DuckDB cannot read or write it.
    """
    with translated(file), contextlib.closing(duckdb.connect(file)) as connection:
        connection.execute(f"SET temp_directory = {text(str(spill))}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_ABOUT} ({_ABOUT_COLUMNS})")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {LEDGER} ({_LEDGER})")
        yield connection
        connection.execute("CHECKPOINT")


def load(
    connection: duckdb.DuckDBPyConnection,
    one: Load,
    file: Path,
    manifest: Manifest,
    now: dt.datetime,
) -> None:
    """Put one sealed day in the place of what the table has of it, in one transaction.

    Raises:
        CommitFailed: the rows that arrived are not those of the manifest; nothing has changed then.
    """
    table, date = name(one.table), one.date.isoformat()
    columns = ", ".join(name(column) for column in TRADES.schema)
    parameters = [one.table, one.date]
    connection.execute("BEGIN")
    try:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} "
            f"({facts(pl.Schema({'date': pl.Date(), **TRADES.schema}))})",
        )
        connection.execute(f"DELETE FROM {table} WHERE date = ?", [one.date])  # noqa: S608
        connection.execute(
            f"INSERT INTO {table} SELECT DATE {text(date)}, {columns} "  # noqa: S608
            f"FROM read_parquet({path(file)}, hive_partitioning = false)",
        )
        found = connection.execute(
            f"SELECT count(*), min(trade_id), max(trade_id) FROM {table} WHERE date = ?",  # noqa: S608
            [one.date],
        ).fetchone()
        expected = (manifest.rows, manifest.first_id, manifest.last_id)
        if found != expected:
            raise CommitFailed(f"{one.table} {date}: expected {expected}, found {found}")
        connection.execute(f"DELETE FROM {LEDGER} WHERE table_name = ? AND date = ?", parameters)  # noqa: S608
        connection.execute(
            f"INSERT INTO {LEDGER} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [
                one.table,
                one.instrument.venue,
                one.instrument.symbol,
                one.date,
                one.version,
                one.logical_hash,
                one.sha256,
                one.rows,
                now,
            ],
        )
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def define(
    connection: duckdb.DuckDBPyConnection,
    lake: Path,
    definition: str,
    statements: Sequence[str],
    days: pl.DataFrame,
) -> None:
    """Replace every view and macro, and what is known of days, in one transaction.

    ``statements`` create them in an order that has each after what it reads; the first of them
    may read the table ``_days``.
    """
    connection.register("_given", days)
    connection.execute("BEGIN")
    connection.execute(f"CREATE OR REPLACE TABLE {_DAYS} ({facts(days.schema)})")
    connection.execute(f"INSERT INTO {_DAYS} SELECT * FROM _given ORDER BY venue, symbol, date")  # noqa: S608
    for statement in statements:
        connection.execute(statement)
    connection.execute(f"DELETE FROM {_ABOUT}")  # noqa: S608
    connection.execute(f"INSERT INTO {_ABOUT} VALUES (?, ?)", [str(lake), definition])  # noqa: S608
    connection.execute("COMMIT")
    connection.unregister("_given")


def view(named: str, select: str) -> str:
    """Write the statement that creates a view."""
    return f"CREATE OR REPLACE VIEW {name(named)} AS {select}"


def completeness_view() -> str:
    """Write the statement that creates the view ``completeness``."""
    return view("completeness", f"SELECT * FROM {_DAYS}")  # noqa: S608 - our own name
