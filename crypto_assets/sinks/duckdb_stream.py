"""DuckDB: the table ``trade_stream``, each trade once, in a database file of its own.

DuckDB lets nobody else open a file that is held for writing, so it is opened for a batch and closed
again: others read between two batches, and whoever finds it held tries again. A batch is one
transaction; it is in the file, synced, when it is committed.

Which numbered trades are there is a second table, of ranges: a batch is held against the few ranges
it touches, and what is missing is known without a look at the rows. A primary key would not do for
trades that have names instead of numbers, for it takes no nulls, and its index of 10 million rows
is 82 MB of the file. Named trades are looked up among the rows of the batch's own ids, which lie
together.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import duckdb
import polars as pl

from crypto_assets.errors import CommitFailed, FileHeld, SchemaMismatch
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.message import STREAM_FRAME, STREAM_KEY, TABLE
from crypto_assets.model.partition import Partition
from crypto_assets.sinks import quoting

_T = TypeVar("_T")

HOUR_US = 3_600_000_000
IDS = "trade_stream_ids"
PATIENCE_SECONDS = 30.0
"""So long a file that another process holds is asked for again and again."""
_PAUSE_SECONDS = 0.01
_HELD = ("Could not set lock", "Conflicting lock")
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, trade_id BIGINT NOT NULL,
    ts_event TIMESTAMPTZ NOT NULL, price DECIMAL(18, 8) NOT NULL, quantity DECIMAL(28, 8) NOT NULL,
    is_buyer_maker BOOLEAN NOT NULL, ts_recv TIMESTAMPTZ, quoted_value DECIMAL(28, 8),
    match_id VARCHAR);
CREATE TABLE IF NOT EXISTS {IDS} (
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL,
    first_trade_id BIGINT NOT NULL, last_trade_id BIGINT NOT NULL);
"""
_ISLANDS = f"""
INSERT INTO {IDS}
SELECT venue, symbol, min(trade_id), max(trade_id)
FROM (
    SELECT venue, symbol, trade_id,
        trade_id - row_number() OVER (PARTITION BY venue, symbol ORDER BY trade_id) AS island
    FROM {TABLE} WHERE match_id IS NULL)
GROUP BY venue, symbol, island
"""  # noqa: S608 - our own names

_REMOVE = f"DELETE FROM {IDS} WHERE (venue, symbol, first_trade_id, last_trade_id) = (?, ?, ?, ?)"  # noqa: S608
_ADD = f"INSERT INTO {IDS} VALUES (?, ?, ?, ?)"  # noqa: S608


@contextlib.contextmanager
def opened(
    path: Path,
    *,
    read_only: bool,
    patience: float = PATIENCE_SECONDS,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database file while the block runs; times are UTC.

    Raises:
        FileHeld: another process held it all the time.
        CommitFailed: it is no database file, or the disk fails.
    """
    connection = _patiently(lambda: duckdb.connect(path, read_only=read_only), path, patience)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the table of a file a view of a connection, reading, with the day of every row.

    The file is held for reading until the connection is closed.

    Raises:
        FileHeld: another process held it all the time.
        CommitFailed: it is no database file.
    """
    _patiently(
        lambda: connection.execute(f"ATTACH {quoting.text(str(path))} AS streamed (READ_ONLY)"),
        path,
        PATIENCE_SECONDS,
    )
    columns = ", ".join(
        quoting.name(name) for name in STREAM_FRAME if name not in ("venue", "symbol")
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {TABLE} AS SELECT venue, symbol, "  # noqa: S608 - our own names
        f"CAST(ts_event AS DATE) AS date, {columns} FROM streamed.{TABLE}",
    )


def _patiently(attempt: Callable[[], _T], path: Path, patience: float) -> _T:
    """Try to open a file again and again while another process holds it."""
    until = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except duckdb.IOException as error:
            if not any(said in str(error) for said in _HELD):
                raise CommitFailed(f"{path}: expected a DuckDB file, found {error}") from error
            if time.monotonic() >= until:
                raise FileHeld(f"{path}: held by another process for {patience:g} s") from error
        time.sleep(_PAUSE_SECONDS)


class TradeStream:
    """The table in one file, as :class:`~crypto_assets.model.message.TradeSink` says."""

    def __init__(self, path: Path, patience: float = PATIENCE_SECONDS) -> None:
        """Take the file's place; it is made with the first rows."""
        self._path = path
        self._patience = patience
        self._is_checked = False

    def append(self, rows: pl.DataFrame) -> int:
        """Write the rows that are not there yet in one transaction, synced when it returns.

        Raises:
            SchemaMismatch: the columns are not those of ``STREAM_FRAME``.
            FileHeld: another process held the file all the time; nothing was written.
            CommitFailed: the file cannot be written.
        """
        if rows.schema != STREAM_FRAME:
            raise SchemaMismatch(f"expected {STREAM_FRAME}, found {rows.schema}")
        once = rows.unique(STREAM_KEY, keep="first", maintain_order=True)
        _make(self._path)
        with opened(self._path, read_only=False, patience=self._patience) as connection:
            try:
                connection.execute("BEGIN")
                self._prepare(connection)
                new = pl.concat([_unnumbered(connection, once), _numbered(connection, once)])
                if not new.is_empty():
                    connection.register("_new", new)
                    connection.execute(f"INSERT INTO {TABLE} SELECT * FROM _new")  # noqa: S608
                    connection.unregister("_new")
                connection.execute("COMMIT")
            except duckdb.Error as error:
                raise CommitFailed(f"{self._path}: {error}") from error
        self._is_checked = True
        return new.height

    def close(self) -> None:
        """Do nothing: the file is closed after each batch."""

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the tables; make the ranges anew where somebody has changed the rows by hand."""
        if self._is_checked:
            return
        connection.execute(_CREATE)
        counted = f"SELECT count(*) FROM {TABLE} WHERE match_id IS NULL"  # noqa: S608
        ranges = f"SELECT coalesce(sum(last_trade_id - first_trade_id + 1), 0) FROM {IDS}"  # noqa: S608
        if _value(connection, counted) != _value(connection, ranges):
            connection.execute(f"DELETE FROM {IDS}")  # noqa: S608
            connection.execute(_ISLANDS)


def _make(path: Path) -> None:
    """Make the file where there is none: empty, and whole as soon as it has its name.

    DuckDB itself makes a file step by step. Whoever is killed between two of them would leave one
    that is no database, or has no tables, to readers and to the next writer.

    Raises:
        CommitFailed: the disk fails.
    """
    if path.exists():
        # Whoever refreshes the warehouse has the directory locked, and no batch waits for that.
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        # One process at a time; the kernel lets go when it ends.
        fcntl.flock(directory, fcntl.LOCK_EX)
        if path.exists():
            return
        temporary = path.with_name(f".{path.name}.tmp")
        for left in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            left.unlink(missing_ok=True)
        with contextlib.closing(duckdb.connect(temporary)) as connection:
            connection.execute(_CREATE)
        temporary.replace(path)
        os.fsync(directory)
    except duckdb.Error as error:
        raise CommitFailed(f"{path}: {error}") from error
    finally:
        os.close(directory)


def _value(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    # A single row fetched would leave the result open, and the connection busy.
    ((found,),) = connection.execute(sql).fetchall()
    return int(found)


def _numbered(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows whose ids are in no range yet, and add their ids to the ranges."""
    found = [rows.clear()]
    frames = rows.filter(pl.col("match_id").is_null()).partition_by(
        "venue",
        "symbol",
        as_dict=True,
        maintain_order=True,
    )
    for (venue, symbol), frame in frames.items():
        ids = frame["trade_id"].sort()
        here = _near(connection, str(venue), str(symbol), (int(ids[0]), int(ids[-1])))
        new = frame.filter(~here.holds(frame["trade_id"]))
        whole = here | Coverage.of_ids(new["trade_id"])
        _replace(connection, str(venue), str(symbol), here, whole)
        found.append(new)
    return pl.concat(found)


def _near(
    connection: duckdb.DuckDBPyConnection,
    venue: str,
    symbol: str,
    span: Range,
) -> Coverage:
    """Give the ranges of a symbol that ids of a span can fall into or touch."""
    connection.execute(
        f"SELECT first_trade_id, last_trade_id FROM {IDS} WHERE venue = ? AND symbol = ? "  # noqa: S608
        "AND last_trade_id >= ? AND first_trade_id <= ?",
        [venue, symbol, span[0] - 1, span[1] + 1 if span[1] < 2**63 - 1 else span[1]],
    )
    return Coverage.of((int(first), int(last)) for first, last in connection.fetchall())


def _replace(
    connection: duckdb.DuckDBPyConnection,
    venue: str,
    symbol: str,
    old: Coverage,
    new: Coverage,
) -> None:
    gone, come = set(old.ranges) - set(new.ranges), set(new.ranges) - set(old.ranges)
    if gone:
        connection.executemany(_REMOVE, [[venue, symbol, *span] for span in sorted(gone)])
    if come:
        connection.executemany(_ADD, [[venue, symbol, *span] for span in sorted(come)])


def _unnumbered(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows whose names are not among the stored rows of their ids."""
    named = rows.filter(pl.col("match_id").is_not_null())
    if named.is_empty():
        return named
    connection.register("_named", named)
    low, high = named["trade_id"].min(), named["trade_id"].max()
    stored = connection.sql(
        f"SELECT s.venue, s.symbol, s.trade_id, s.match_id FROM {TABLE} s SEMI JOIN _named n "  # noqa: S608
        "USING (venue, symbol, trade_id, match_id) WHERE s.trade_id BETWEEN ? AND ?",
        params=[low, high],
    ).pl()
    connection.unregister("_named")
    return named.join(stored, on=STREAM_KEY, how="anti")


def coverage(connection: duckdb.DuckDBPyConnection) -> dict[Instrument, Coverage]:
    """Read which numbered trades the table holds, by instrument."""
    found: dict[Instrument, list[Range]] = {}
    connection.execute(f"SELECT * FROM {IDS}")  # noqa: S608
    for venue, symbol, first, last in connection.fetchall():
        found.setdefault(Instrument(venue, symbol), []).append((first, last))
    return {instrument: Coverage.of(ranges) for instrument, ranges in sorted(found.items())}


def rows_between(path: Path, instrument: Instrument, from_us: int, to_us: int) -> pl.DataFrame:
    """Read the rows of an instrument whose ``ts_event`` is in ``[from_us, to_us)``, by id."""
    with opened(path, read_only=True) as connection:
        return pl.DataFrame(
            connection.sql(
                f"SELECT * FROM {TABLE} WHERE venue = ? AND symbol = ? "  # noqa: S608
                "AND ts_event >= make_timestamptz(?) AND ts_event < make_timestamptz(?) "
                "ORDER BY trade_id, match_id",
                params=[instrument.venue, instrument.symbol, from_us, to_us],
            ).pl(),
        )


def hours(path: Path, day: Partition) -> dict[int, int]:
    """Count the rows of a day by the hour of their ``ts_event``, counted since 1970."""
    with opened(path, read_only=True) as connection:
        found = connection.execute(
            f"SELECT epoch_us(ts_event) // {HOUR_US} AS hour, count(*) FROM {TABLE} "  # noqa: S608
            "WHERE venue = ? AND symbol = ? AND ts_event >= make_timestamptz(?) "
            "AND ts_event < make_timestamptz(?) GROUP BY ALL",
            [day.instrument.venue, day.instrument.symbol, day.start_us, day.end_us],
        ).fetchall()
    return {int(hour): int(count) for hour, count in found}


def days(path: Path) -> pl.DataFrame:
    """Count the rows by ``venue``, ``symbol`` and ``date``, with the newest id of each."""
    with opened(path, read_only=True) as connection:
        return pl.DataFrame(
            connection.sql(
                "SELECT venue, symbol, CAST(ts_event AS DATE) AS date, count(*) AS rows, "  # noqa: S608
                f"max(trade_id) AS newest FROM {TABLE} GROUP BY ALL ORDER BY ALL",
            ).pl(),
        )
