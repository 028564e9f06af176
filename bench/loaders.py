"""Ways to give a sealed day of trades to PyTorch: three columns, 8,192 rows a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import torch

from bench.given import DAY, PROVEN
from bench.readers import THREE, sealed
from crypto_assets.lake.lake import Lake
from crypto_assets.model.span import Span
from crypto_assets.training import Rows, plan
from crypto_assets.training.dataset import Loader

ROWS = 8_192
Tensors = dict[str, torch.Tensor]


def _counted(batches: Iterable[Tensors]) -> int:
    """Count rows as a loop of training would be given them."""
    rows = 0
    for batch in batches:
        assert batch["price"].dtype == torch.float64
        rows += len(batch["price"])
    return rows


def _ours(shuffle_rows: int, data: Path, _: Path) -> Callable[[], int]:
    lake, span = Lake(data / PROVEN), Span(DAY.start_us, DAY.end_us)

    def call() -> int:
        planned = plan(lake, "trades", [DAY.instrument], span)
        rows = Rows(plan=planned, columns=THREE, batch_rows=ROWS, shuffle_rows=shuffle_rows)
        return _counted(Loader(rows))

    return call


ours = partial(_ours, 0)
ours_shuffled = partial(_ours, 200_000)


def pyarrow(data: Path, _: Path) -> Callable[[], int]:
    path = sealed(data)

    def tensors(batch: pa.RecordBatch) -> Tensors:
        found = {}
        for name, column in zip(THREE, batch.columns, strict=True):
            values = column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column
            found[name] = torch.from_numpy(np.array(values))
        return found

    def call() -> int:
        batches = ds.dataset(path).to_batches(columns=list(THREE), batch_size=ROWS)
        return _counted(map(tensors, batches))

    return call


def polars(data: Path, _: Path) -> Callable[[], int]:
    path = sealed(data)
    decimals = pl.col("price", "quantity").cast(pl.Float64)

    def call() -> int:
        rows = pl.scan_parquet(path, hive_partitioning=False).select("trade_id", decimals)
        batches = rows.collect_batches(chunk_size=ROWS, maintain_order=True, engine="streaming")
        return _counted(
            {column.name: torch.from_numpy(column.to_numpy(writable=True)) for column in batch}
            for batch in batches
        )

    return call
