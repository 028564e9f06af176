"""Append rows to ``trade_stream`` in batches, as a consumer would: noted once it is durable."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from crypto_assets.doors.warehouses import bigquery_stream_of
from crypto_assets.settings import BigQuery

BATCH = 5_000
STEP = 4_000
"""Batches overlap, as those of a broker do that delivers some again."""


def main() -> None:
    """Go on after the last batch that was noted."""
    project, dataset, file, noted, url, grpc = sys.argv[1:]
    found = BigQuery(project=project, dataset=dataset, endpoint=url, grpc_endpoint=grpc)
    rows, note = pl.read_parquet(file), Path(noted)
    begin = int(note.read_text()) if note.exists() else 0
    stream = bigquery_stream_of(found)
    for at in range(begin, rows.height, STEP):
        stream.append(rows.slice(at, BATCH))
        note.write_text(str(at + STEP))
    stream.close()


if __name__ == "__main__":
    main()
