"""DuckDB: views over Parquet files and lazy frames, and one reading statement over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from crypto_assets.errors import UnsafeQuery
from crypto_assets.model.message import TABLE
from crypto_assets.sinks import duckdb_stream
from crypto_assets.sinks.macros import macros
from crypto_assets.sinks.quoting import name, path, text

HIVE = pl.Schema({"venue": pl.String(), "symbol": pl.String(), "date": pl.Date()})
"""What a file's directories say of its rows."""


@dataclass(frozen=True, slots=True)
class View:
    """One view: files that are read as they lie, and frames, all with the same columns."""

    schema: pl.Schema
    files: Sequence[Path] = ()
    """Parquet files below ``venue=``, ``symbol=`` and ``date=`` directories."""
    frames: Sequence[pl.LazyFrame] = field(default_factory=list)
    """Frames with the columns of ``HIVE`` besides those of the schema."""


def attach(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    venue: str | None = None,
) -> None:
    """Create views, every row with its venue, symbol and date before its own columns.

    Times are UTC. Predicates and projections reach into files and frames. With a venue there are
    the macros of :mod:`crypto_assets.sinks.macros` too; it is the one they mean by default.
    """
    connection.execute("SET TimeZone = 'UTC'")
    for named, view in views.items():
        columns = ", ".join(name(column) for column in (*HIVE, *view.schema))
        selects: list[str] = []
        if view.files:
            files = ", ".join(path(file) for file in view.files)
            types = "{'venue': VARCHAR, 'symbol': VARCHAR, 'date': DATE}"
            selects.append(
                f"SELECT {columns} FROM read_parquet([{files}], "  # noqa: S608 - quoted above
                f"hive_partitioning = true, hive_types = {types})",
            )
        frames = view.frames or ([] if selects else [_nothing(view.schema)])
        if frames:
            whole = pl.concat([frame.select(*HIVE, *view.schema) for frame in frames])
            connection.register(f"_{named}", whole)
            selects.append(f"SELECT {columns} FROM _{named}")  # noqa: S608 - our own names
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {named} AS {' UNION ALL '.join(selects)}")
    for statement in macros(venue) if venue is not None else ():
        connection.execute(statement)


def _nothing(schema: pl.Schema) -> pl.LazyFrame:
    return pl.Schema({**HIVE, **schema}).to_frame().lazy()


def query(
    views: Mapping[str, View],
    sql: str,
    *,
    readable: Path,
    venue: str | None = None,
    variables: Mapping[str, str] | None = None,
    stream: Path | None = None,
) -> pl.DataFrame:
    """Run one reading statement over views, and the macros that a venue gives.

    ``stream`` is the database file of the table ``trade_stream``: it is opened, and held for
    reading meanwhile, where the statement has that word in it.

    The statement can read files in ``readable``, the views' directory, and touch nothing else of
    the machine; ``variables`` are what ``getvariable('name')`` gives it.

    Raises:
        UnsafeQuery: it is not exactly one SELECT, DuckDB refuses it, or its result has a type that
            no frame has, such as an interval.
        FileHeld: another process held the file of ``trade_stream`` all the time.
    """
    connection = duckdb.connect(":memory:")
    try:
        kinds = [statement.type.name for statement in connection.extract_statements(sql)]
        if kinds != ["SELECT"]:
            raise UnsafeQuery(f"expected one SELECT statement, found {', '.join(kinds) or 'none'}")
        attach(connection, views, venue)
        if stream is not None and TABLE in sql.casefold():
            duckdb_stream.attach(connection, stream)
        for variable, value in (variables or {}).items():
            connection.execute(f"SET VARIABLE {name(variable)} = {text(value)}")
        # As it is called, and as a pattern that matches nothing else.
        allowed = f"{text(str(readable))}, {path(readable)}"
        connection.execute(f"SET allowed_directories = [{allowed}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return pl.DataFrame(connection.sql(sql).pl())
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise UnsafeQuery(str(error)) from error
    finally:
        connection.close()
