"""A sealed day into a DuckDB table through pandas: ``python bench/pandas_warehouse.py DATA``.

A script of its own interpreter, which has duckdb, pandas and pyarrow; prints what
:mod:`bench.child` does.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]


def main() -> None:
    (file,) = Path(sys.argv[1]).glob("lake/daily_trades/**/*.parquet")
    with tempfile.TemporaryDirectory(dir=sys.argv[1], prefix="scratch-") as scratch:
        started = time.perf_counter()
        # The file alone: pandas would take the directories around it for columns.
        with file.open("rb") as reading:
            rows = pd.read_parquet(reading)
        connection = duckdb.connect(str(Path(scratch, "pandas.duckdb")))
        connection.register("given", rows)
        connection.execute("CREATE TABLE trades AS FROM given")
        connection.close()
        seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "rows": len(rows), "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
