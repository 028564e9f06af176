"""Bars of one second in plain pandas, run by an interpreter that has pandas, without this project.

``PYTHON bench/pandas_bars.py DATA`` prints what :mod:`bench.child` does.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]


def bars(path: str) -> int:
    """Group float trades by second; the columns of ours, seconds without trades left out."""
    trades = pd.read_parquet(path)
    trades["value"] = trades["price"] * trades["quantity"]
    taker_bought = ~trades["is_buyer_maker"]
    trades["bought"] = trades["quantity"].where(taker_bought, 0.0)
    trades["bought_value"] = trades["value"].where(taker_bought, 0.0)
    trades.groupby(trades["ts_event"].dt.floor("s")).agg(
        open=("price", "first"),
        high=("price", "max"),
        low=("price", "min"),
        close=("price", "last"),
        volume=("quantity", "sum"),
        quote_volume=("value", "sum"),
        trade_count=("trade_id", "size"),
        taker_buy_volume=("bought", "sum"),
        taker_buy_quote_volume=("bought_value", "sum"),
        first_trade_id=("trade_id", "first"),
        last_trade_id=("trade_id", "last"),
    )
    return len(trades)


if __name__ == "__main__":
    started = time.perf_counter()
    found = bars(f"{sys.argv[1]}/floats.parquet")
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "rows": found, "peak_mb": peak_mb}))
