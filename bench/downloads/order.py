"""What a download is told, and the columns of what it reads; runs without this project."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ORDER: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
"""See :class:`bench.history.Order`."""
DIRECTORY = Path(ORDER.get("directory", "."))
COLUMNS = (
    "trade_id",
    "price",
    "quantity",
    "quote_quantity",
    "time",
    "is_buyer_maker",
    "is_best_match",
)
"""Of a file of trades, in the order its publisher describes; it has no header."""


def keys() -> Iterator[str]:
    """Name the path of each day's trades below the host."""
    for symbol, dates in ORDER["days"].items():
        for date in dates:
            yield f"data/spot/daily/trades/{symbol}/{symbol}-trades-{date}.zip"
