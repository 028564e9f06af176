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


def attach(connection: duckdb.DuckDBPyConnection, views: Mapping[str, View]) -> None:
    """Create views, every row with its venue, symbol and date before its own columns.

    Times are UTC. Predicates and projections reach into files and frames.
    """
    connection.execute("SET TimeZone = 'UTC'")
    for name, view in views.items():
        columns = ", ".join(f'"{column}"' for column in (*HIVE, *view.schema))
        selects: list[str] = []
        if view.files:
            files = ", ".join(_quoted(str(path)) for path in view.files)
            types = "{'venue': VARCHAR, 'symbol': VARCHAR, 'date': DATE}"
            selects.append(
                f"SELECT {columns} FROM read_parquet([{files}], "  # noqa: S608 - quoted above
                f"hive_partitioning = true, hive_types = {types})",
            )
        frames = view.frames or ([] if selects else [_nothing(view.schema)])
        if frames:
            whole = pl.concat([frame.select(*HIVE, *view.schema) for frame in frames])
            connection.register(f"_{name}", whole)
            selects.append(f"SELECT {columns} FROM _{name}")  # noqa: S608 - our own names
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {' UNION ALL '.join(selects)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _nothing(schema: pl.Schema) -> pl.LazyFrame:
    return pl.Schema({**HIVE, **schema}).to_frame().lazy()


def query(
    views: Mapping[str, View],
    sql: str,
    *,
    readable: Path,
    stream: Path | None = None,
) -> pl.DataFrame:
    """Run one reading statement over views.

    ``stream`` is the database file of the table ``trade_stream``: it is opened, and held for
    reading meanwhile, where the statement has that word in it.

    The statement can read files in ``readable``, the views' directory, and touch nothing else of
    the machine.

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
        attach(connection, views)
        if stream is not None and TABLE in sql.casefold():
            duckdb_stream.attach(connection, stream)
        connection.execute(f"SET allowed_directories = [{_quoted(str(readable))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return pl.DataFrame(connection.sql(sql).pl())
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise UnsafeQuery(str(error)) from error
    finally:
        connection.close()
