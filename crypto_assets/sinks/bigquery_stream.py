"""BigQuery: the table ``trade_stream``, each trade once, however often it is given.

The Storage Write API writes a row exactly once within one stream, by its offset; whoever is killed
and begins again has another stream, so offsets alone would repeat the batch. Hence two steps. A
batch goes into a staging table through a stream of its own that shows nothing before it is
committed; then one MERGE adds those of its trades that the table has not. Whoever is killed before
the MERGE has added nothing; whoever is killed after it, before the answer was heard, adds nothing
by giving the batch again.
https://cloud.google.com/bigquery/docs/write-api
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from crypto_assets.errors import CommitFailed, SchemaMismatch
from crypto_assets.model.message import STREAM_FRAME, STREAM_KEY, TABLE
from crypto_assets.model.tables import TRADES
from crypto_assets.sinks.bigquery import fields_of
from crypto_assets.sinks.bigquery_jobs import settle, told, translated
from crypto_assets.sinks.bigquery_schema import (
    CLUSTERED_BY,
    PARTITION,
    PARTITIONED_BY,
    Column,
    columns_of,
)
from crypto_assets.sinks.bigquery_sql import add_new

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, QueryJob
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
    from google.cloud.bigquery_storage_v1.types import AppendRowsRequest

_BATCH = Column("batch", "STRING", description="Which append it came with.")
_ROWS_A_REQUEST = 20_000
"""A request may have 10 MB; so many rows have about 3."""
_MOST_BATCHES = 1_000
_STAGING_AGE = dt.timedelta(hours=12)
_STAGING_KEPT = dt.timedelta(days=2)
_HTTP_OF_GRPC = {1: 499, 4: 504, 8: 429, 10: 409, 13: 500, 14: 503, 15: 500}
"""Status codes of gRPC that mean to try again, or not, as HTTP has them; others are 400."""


class TradeStream:
    """One ``trade_stream`` that batches are added to; for one thread."""

    def __init__(
        self,
        client: Client,
        writer: BigQueryWriteClient,
        dataset: str,
        location: str | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Take the table's place; it is made with the first rows.

        Args:
            client: For tables and the MERGE.
            writer: For the rows.
            dataset: Where the table is.
            location: Where the dataset lies.
            now: Tells the time.
        """
        self._client, self._writer = client, writer
        self._dataset, self._location, self._now = dataset, location, now
        self._is_made = False
        self._staging: str | None = None
        self._staging_since = now()
        self._batches = 0

    def append(self, rows: pl.DataFrame) -> int:
        """Write the trades whose (venue, symbol, trade_id, match_id) are not there yet.

        Args:
            rows: The columns of ``STREAM_FRAME``; the same trade may come several times.

        Returns:
            How many were new. They are durable.

        Raises:
            SchemaMismatch: the columns are others.
            StreamLost: BigQuery cannot be reached or is busy; the same call may be made again.
            Refused: it says no.
            CommitFailed: it took another number of rows than were sent.
        """
        if rows.schema != STREAM_FRAME:
            raise SchemaMismatch(f"trade stream: expected {STREAM_FRAME}, found {rows.schema}")
        once = rows.unique(STREAM_KEY, keep="first", maintain_order=True)
        if once.is_empty():
            return 0
        self._make()
        batch = uuid.uuid4().hex
        dated = once.with_columns(
            pl.col("ts_event").dt.date().alias("date"),
            pl.lit(batch).alias("batch"),
        )
        staging = self._staging_table()
        self._stage(staging, dated)
        first, last = dated.select(pl.min("date").alias("first"), pl.max("date").alias("last")).row(
            0
        )
        return self._merge(staging, batch, first, last)

    def close(self) -> None:
        """Drop the staging table and the connections.

        BigQuery itself drops the staging table of a killed process, after two days.
        """
        self._drop()
        self._writer.transport.close()
        self._client.close()

    def _drop(self) -> None:
        if self._staging is not None:
            with translated(self._staging):
                self._client.delete_table(self._staging, not_found_ok=True)
            self._staging = None

    def _path(self, table: str) -> str:
        return f"{self._client.project}.{self._dataset}.{table}"

    def _make(self) -> None:
        from google.cloud import bigquery

        if self._is_made:
            return
        dataset = bigquery.Dataset(f"{self._client.project}.{self._dataset}")
        if self._location is not None:
            dataset.location = self._location
        table = bigquery.Table(self._path(TABLE), fields_of((*PARTITION, *columns_of(TRADES))))
        table.time_partitioning = bigquery.TimePartitioning(field=PARTITIONED_BY)
        table.clustering_fields = [*CLUSTERED_BY, "trade_id"]
        table.description = "Trades as they were streamed, each once; not proven complete."
        with translated(TABLE):
            self._location = self._client.create_dataset(dataset, exists_ok=True).location
            self._client.create_table(table, exists_ok=True)
        self._is_made = True

    def _staging_table(self) -> str:
        """Give the staging table, a new one where it has grown long or old."""
        from google.cloud import bigquery

        is_old = self._now() - self._staging_since > _STAGING_AGE
        if self._staging is not None and (is_old or self._batches >= _MOST_BATCHES):
            self._drop()
        if self._staging is None:
            path = self._path(f"_staging_{TABLE}_{uuid.uuid4().hex[:16]}")
            table = bigquery.Table(path, fields_of((_BATCH, *PARTITION, *columns_of(TRADES))))
            table.clustering_fields = [_BATCH.name]
            table.expires = self._now() + _STAGING_KEPT
            table.description = f"Batches on their way into {TABLE}."
            with translated(path):
                self._client.create_table(table)
            self._staging, self._staging_since, self._batches = path, self._now(), 0
        self._batches += 1
        return self._staging

    def _stage(self, staging: str, rows: pl.DataFrame) -> None:
        """Write rows into the staging table; they are there together or not at all."""
        from google.cloud.bigquery_storage_v1 import types

        project, dataset, table = staging.split(".")
        parent = f"projects/{project}/datasets/{dataset}/tables/{table}"
        pending = types.WriteStream(type_=types.WriteStream.Type.PENDING)
        with translated(staging):
            stream = self._writer.create_write_stream(parent=parent, write_stream=pending).name
            # Away from the US the service finds the stream by this; the client cannot know it.
            route = [("x-goog-request-params", f"write_stream={stream}")]
            for answer in self._writer.append_rows(iter(_requests(stream, rows)), metadata=route):
                if answer.error.code:
                    status = _HTTP_OF_GRPC.get(answer.error.code, 400)
                    raise told(staging, status, answer.error.message)
            written = self._writer.finalize_write_stream(name=stream).row_count
            if written != rows.height:
                raise CommitFailed(f"{staging}: expected {rows.height} rows, found {written}")
            committed = self._writer.batch_commit_write_streams(
                types.BatchCommitWriteStreamsRequest(parent=parent, write_streams=[stream]),
            )
        if committed.stream_errors:
            raise CommitFailed(f"{staging}: {committed.stream_errors[0].error_message}")

    def _merge(self, staging: str, batch: str, first: dt.date, last: dt.date) -> int:
        sql = add_new(self._path(TABLE), staging, batch, list(STREAM_FRAME), first, last)

        def begin(job_id: str) -> QueryJob:
            return self._client.query(
                sql,
                job_id=job_id,
                location=self._location,
                job_retry=None,
            )

        name = f"crypto-assets-stream-{batch}"
        return settle(self._client, name, self._location, begin).job.num_dml_affected_rows or 0


def _requests(stream: str, rows: pl.DataFrame) -> Iterator[AppendRowsRequest]:
    """Write rows as requests of one stream, each at its offset."""
    from google.cloud.bigquery_storage_v1 import types

    schema = _arrow((_BATCH, *PARTITION, *columns_of(TRADES)), rows.schema)
    offset = 0
    for part in rows.select(schema.names).iter_slices(_ROWS_A_REQUEST):
        arrow = part.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
        (batch,) = arrow.combine_chunks().to_batches()
        request = types.AppendRowsRequest(
            write_stream=stream,
            offset=offset,
            arrow_rows=types.AppendRowsRequest.ArrowData(
                rows=types.ArrowRecordBatch(
                    serialized_record_batch=batch.serialize().to_pybytes(),
                ),
            ),
        )
        if offset == 0:
            # Once a stream: later requests inherit it.
            request.arrow_rows.writer_schema.serialized_schema = schema.serialize().to_pybytes()
        offset += part.height
        yield request


def _arrow(columns: Iterable[Column], schema: pl.Schema) -> pa.Schema:
    """Derive the Arrow schema of the rows that are sent; text is ``string``."""
    oldest = pl.CompatLevel.oldest()
    types = schema.to_frame().to_arrow(compat_level=oldest).schema
    return pa.schema(
        pa.field(
            column.name,
            pa.string() if column.type == "STRING" else types.field(column.name).type,
            nullable=column.is_nullable,
        )
        for column in columns
    )
