"""BigQuery: sealed days as rows of a partitioned table, each the same however often it is loaded.

A file is loaded as it lies into a staging table of its own. One transaction then makes the day in
the target what staging holds and notes in the ledger ``_loads`` what that is, so the two never
disagree. A day whose content is noted already needs no job. All names follow from the content and
from how often the day was loaded before: whoever was killed, or did not hear the answer, finds what
it had begun.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crypto_assets.errors import CommitFailed
from crypto_assets.model.partition import Partition
from crypto_assets.sinks.bigquery_jobs import name_of, settle, translated
from crypto_assets.sinks.bigquery_schema import (
    CLUSTERED_BY,
    LEDGER,
    LEDGER_COLUMNS,
    PARTITION,
    PARTITIONED_BY,
    Column,
    columns_of,
    table_of,
    target_of,
)
from crypto_assets.sinks.bigquery_sql import Value, loaded, note, replace_day, transaction
from crypto_assets.sinks.sealed import Sealed

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, LoadJob, QueryJob, SchemaField, Table

STAGING_DAYS = 1
"""So long BigQuery keeps the staging table of a load that was killed."""
_LABEL_LENGTH = 63


@dataclass(frozen=True, slots=True)
class Noted:
    """What the ledger says a table holds of a day."""

    logical_hash: str
    version: int
    rows: int
    generation: int


Known = dict[tuple[str, Partition], Noted]
"""What the ledger says, by table and day."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one load."""

    sealed: Sealed
    target: str
    """``project.dataset.table``."""
    changed: bool
    """False where the table held this content already, and no job was run."""
    jobs: tuple[str, ...] = ()
    """The ids of the jobs that made it so."""


@dataclass(slots=True)
class Warehouse:
    """One dataset that days are loaded into.

    ``uri_of`` gives where in Cloud Storage a file lies; without it files are sent with the job.
    """

    client: Client
    dataset: str
    location: str | None = None
    per_symbol: bool = False
    home: str = "binance"
    """The venue whose tables are named by the symbol alone, where each symbol has its own."""
    uri_of: Callable[[Sealed], str] | None = None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    _made: set[str] = field(default_factory=set)

    def known(self, wanted: Collection[Sealed]) -> Known:
        """Ask the ledger once what the tables hold of these days, by target and day.

        Raises:
            StreamLost: BigQuery cannot be reached or is busy.
            Refused: it says no.
        """
        if not wanted:
            return {}
        self._make_ledger()
        dates = [one.partition.date for one in wanted]
        targets = sorted({self._target(one) for one in wanted})
        sql = loaded(self._path(LEDGER), targets, min(dates), max(dates))
        with translated("asking what is loaded"):
            # Not named: it changes nothing, and the answer of before is of no use.
            rows = self.client.query(sql, location=self.location).result()
            return {
                (row["target"], Partition.of(row["venue"], row["symbol"], str(row["date"]))): Noted(
                    row["logical_hash"],
                    row["version"],
                    row["row_count"],
                    row["generation"],
                )
                for row in rows
            }

    def load(self, sealed: Sealed, known: Known) -> Load:
        """Make a day in its table what its file holds, in one transaction.

        Args:
            sealed: The file.
            known: What :meth:`known` gave.

        Raises:
            StreamLost: BigQuery cannot be reached or is busy; the same call goes on where it ended.
            Refused: it says no.
            CommitFailed: it read another number of rows than the file has.
        """
        name = self._target(sealed)
        target = self._path(name)
        found = known.get((name, sealed.partition))
        if found is not None and found.logical_hash == sealed.manifest.logical_hash:
            return Load(sealed, target, changed=False)
        generation = found.generation + 1 if found else 1
        self._make_target(name, sealed)
        job = name_of(
            target,
            str(sealed.partition),
            sealed.manifest.logical_hash,
            str(generation),
        )
        staging = self._path(f"_staging_{name}_{job[-16:]}")
        jobs = (
            self._stage(f"{job}-stage", staging, sealed),
            self._merge(f"{job}-merge", target, staging, sealed, name, generation),
        )
        with translated(staging):
            self.client.delete_table(staging, not_found_ok=True)
        return Load(sealed, target, changed=True, jobs=jobs)

    def _target(self, sealed: Sealed) -> str:
        instrument = sealed.partition.instrument
        return target_of(sealed.asset, instrument, per_symbol=self.per_symbol, home=self.home)

    def _path(self, table: str) -> str:
        return f"{self.client.project}.{self.dataset}.{table}"

    def _stage(self, job: str, staging: str, sealed: Sealed) -> str:
        """Have a file's rows in its staging table, as many as its manifest says."""
        from google.cloud import bigquery

        table = bigquery.Table(staging, fields_of(columns_of(table_of(sealed.asset))))
        table.expires = self.now() + dt.timedelta(days=STAGING_DAYS)
        table.description = f"{sealed} on its way into {self._target(sealed)}."
        with translated(staging):
            self.client.create_table(table, exists_ok=True)
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=table.schema,
            decimal_target_types=["NUMERIC", "BIGNUMERIC"],
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            # A second one of the same name, if there could be one, must not add rows.
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
            labels=_labels(sealed),
        )

        def begin(job_id: str) -> LoadJob:
            if self.uri_of is not None:
                return self.client.load_table_from_uri(
                    self.uri_of(sealed),
                    staging,
                    job_id=job_id,
                    location=self.location,
                    job_config=config,
                )
            with sealed.path.open("rb") as file:
                return self.client.load_table_from_file(
                    file,
                    staging,
                    job_id=job_id,
                    location=self.location,
                    job_config=config,
                )

        def is_there() -> bool:
            # What one that ran before left may have expired, or been dropped by another loader.
            return bool(self.client.get_table(staging).num_rows == sealed.manifest.rows)

        settled = settle(self.client, job, self.location, begin, is_there)
        found = self.client.get_table(staging).num_rows
        if found != sealed.manifest.rows:
            raise CommitFailed(
                f"{sealed}: expected {sealed.manifest.rows} rows in {staging}, found {found}",
            )
        return settled.job_id

    def _merge(
        self,
        job: str,
        target: str,
        staging: str,
        sealed: Sealed,
        name: str,
        generation: int,
    ) -> str:
        from google.cloud import bigquery

        partition, manifest = sealed.partition, sealed.manifest
        row: dict[str, Value] = {
            "target": name,
            "venue": partition.instrument.venue,
            "symbol": partition.instrument.symbol,
            "date": partition.date,
            "asset": sealed.asset,
            "logical_hash": manifest.logical_hash,
            "sha256": sealed.sha256,
            "version": manifest.version,
            "row_count": manifest.rows,
            "condition": sealed.condition,
            "generation": generation,
            "ts_loaded": self.now(),
        }
        sql = transaction(
            [
                replace_day(target, staging, table_of(sealed.asset), partition),
                note(self._path(LEDGER), row),
            ],
        )
        config = bigquery.QueryJobConfig(labels=_labels(sealed), use_query_cache=False)

        def begin(job_id: str) -> QueryJob:
            return self.client.query(
                sql,
                job_config=config,
                job_id=job_id,
                location=self.location,
                job_retry=None,
            )

        settled = settle(self.client, job, self.location, begin)
        return settled.job_id

    def _make_ledger(self) -> None:
        from google.cloud import bigquery

        if LEDGER in self._made:
            return
        dataset = bigquery.Dataset(f"{self.client.project}.{self.dataset}")
        if self.location is not None:
            dataset.location = self.location
        with translated(self.dataset):
            # Jobs have to run where the data is.
            self.location = self.client.create_dataset(dataset, exists_ok=True).location
        table = bigquery.Table(self._path(LEDGER), fields_of(LEDGER_COLUMNS))
        table.description = "What each table holds of each day, by the hash of its values."
        self._make(LEDGER, table)

    def _make_target(self, name: str, sealed: Sealed) -> None:
        from google.cloud import bigquery

        kind = table_of(sealed.asset)
        table = bigquery.Table(self._path(name), fields_of((*PARTITION, *columns_of(kind))))
        table.time_partitioning = bigquery.TimePartitioning(field=PARTITIONED_BY)
        table.clustering_fields = list(CLUSTERED_BY)
        table.description = (
            f"{kind.model.__doc__} Sealed days of {sealed.asset}, loaded by crypto-assets; "
            f"{LEDGER} says which version of each."
        )
        table.labels = {"loaded_by": "crypto-assets", "schema_version": str(kind.version)}
        self._make(name, table)

    def _make(self, name: str, table: Table) -> None:
        """Make a table where it is not there, once a process."""
        if name not in self._made:
            with translated(str(table.reference)):
                self.client.create_table(table, exists_ok=True)
            self._made.add(name)


def fields_of(columns: Iterable[Column]) -> list[SchemaField]:
    """Write columns as Google's client wants them."""
    from google.cloud.bigquery import SchemaField

    return [
        SchemaField.from_api_repr(
            {
                "name": column.name,
                "type": column.type,
                "mode": "NULLABLE" if column.is_nullable else "REQUIRED",
                "description": column.description,
                **_digits(column),
            },
        )
        for column in columns
    ]


def _digits(column: Column) -> dict[str, str]:
    if column.precision is None:
        return {}
    return {"precision": str(column.precision), "scale": str(column.scale)}


def _labels(sealed: Sealed) -> dict[str, str]:
    """Say in a job's labels what it is about: at most 63 lower-case characters each.

    https://cloud.google.com/bigquery/docs/labels-intro
    """
    partition, manifest = sealed.partition, sealed.manifest
    found = {
        "loaded_by": "crypto-assets",
        "asset": sealed.asset,
        "venue": partition.instrument.venue,
        "symbol": partition.instrument.symbol.lower(),
        "date": partition.date.isoformat(),
        "version": str(manifest.version),
        "logical_hash": manifest.logical_hash,
    }
    return {name: value[:_LABEL_LENGTH] for name, value in found.items()}
