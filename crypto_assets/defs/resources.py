"""What the assets are given: the lake, and SQL over it."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from crypto_assets import settings
from crypto_assets.doors.exchanges import archive_of
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.published import Archive
from crypto_assets.pipeline.query import views_of
from crypto_assets.pipeline.warehouse import default_path
from crypto_assets.sinks import warehouse
from crypto_assets.sinks.duckdb import attach


@functools.cache
def open_lake(root: str) -> Lake:
    """Open a lake; one object a process, so that what it has summarised stays known."""
    return Lake(Path(root))


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake as a resource."""

    root: str
    asks_archive: bool = True
    """Whether what is published and not here is asked for."""

    @property
    def lake(self) -> Lake:
        """The lake."""
        return open_lake(self.root)

    @property
    def archive(self) -> Archive | None:
        """The door to the published files, as the settings say; None where nobody is asked."""
        if not self.asks_archive:
            return None
        found = settings.load()
        return archive_of(self.lake, found.archive, found.healing)


class LakeSQL(DuckDBResource):
    """DuckDB over the lake's views."""

    root: str

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection with every view of the lake, as the files lie now."""
        with super().get_connection() as connection:
            attach(connection, views_of(open_lake(self.root)), settings.load().venue)
            yield connection


class WarehouseSQL(DuckDBResource):
    """DuckDB over the warehouse as it was last refreshed, read-only."""

    root: str

    @property
    def file(self) -> Path:
        """Where the settings have it, or where it lies in the lake."""
        named = settings.load().warehouse.path
        return Path(named) if named else default_path(open_lake(self.root))

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection that reads the file, even while another of this process reads the old.

        Raises:
            duckdb.Error: there is no such file.
        """
        with super().get_connection() as connection:
            warehouse.attach(connection, self.file)
            yield connection
