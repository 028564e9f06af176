"""A sealed day in plain pandas: ``PYTHON bench/pandas_read.py three|all DATA``.

Run by an interpreter that has pandas, without this project; prints what :mod:`bench.child` does.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]

if __name__ == "__main__":
    columns = ["trade_id", "price", "quantity"] if sys.argv[1] == "three" else None
    (path,) = Path(sys.argv[2]).glob("proven/daily_trades/**/*.parquet")
    with path.open("rb") as file:  # or pandas adds the directories as columns
        started, used = time.perf_counter(), time.process_time()
        rows = len(pd.read_parquet(file, columns=columns))
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(
        json.dumps({"seconds": seconds, "rows": rows, "peak_mb": peak_mb, "cpu_seconds": cpu}),
    )
