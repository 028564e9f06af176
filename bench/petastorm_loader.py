"""Petastorm's ways, run by its own interpreter: ``PYTHON bench/petastorm_loader.py WAY DATA``.

Prints what :mod:`bench.child` does. ``reader`` gives arrays; ``loader`` and ``shuffled`` are its
``BatchedDataLoader``, which cannot take the lake's decimals: they are given a file of floats.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")

from petastorm import make_batch_reader  # noqa: E402 - it warns as it is imported

THREE = ["trade_id", "price", "quantity"]


def main(way: str, data: str) -> dict[str, float]:
    """Measure one way; imports are not counted."""
    path = f"{data}/floats.parquet"
    if way != "reader":
        from petastorm.pytorch import BatchedDataLoader
    started, used = time.perf_counter(), time.process_time()
    rows = 0
    with make_batch_reader(
        f"file://{path}",
        schema_fields=THREE,
        num_epochs=1,
        shuffle_row_groups=way == "shuffled",
    ) as reader:
        if way == "reader":
            for batch in reader:
                rows += len(batch.price)
        else:
            capacity = 200_000 if way == "shuffled" else 0
            for batch in BatchedDataLoader(
                reader, batch_size=8_192, shuffling_queue_capacity=capacity
            ):
                rows += len(batch["price"])
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": seconds, "rows": rows, "peak_mb": peak_mb, "cpu_seconds": cpu}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
