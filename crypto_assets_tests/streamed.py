"""Trades for what tests a stream: rows of a table, sealed segments of a lake."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import polars as pl

from crypto_assets.lake import segments
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.segments import SegmentWriter
from crypto_assets.model.message import STREAM_FRAME
from crypto_assets.model.partition import Partition
from crypto_assets_tests.pipeline.conftest import recorded_trade

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")


def rows(
    ids: Iterable[int],
    symbol: str = "BTCUSDT",
    venue: str = "binance",
    *,
    name: str | None = None,
) -> pl.DataFrame:
    """One trade a second; with a name they are of a venue that has no numbers."""
    found = list(ids)
    columns = {
        "venue": [venue] * len(found),
        "symbol": [symbol] * len(found),
        "trade_id": found,
        "ts_event": [DAY.start_us + one * 1_000_000 for one in found],
        "price": [Decimal(100 + one) / 100 for one in found],
        "quantity": [Decimal(1 + one % 7) / 1000 for one in found],
        "is_buyer_maker": [one % 2 == 0 for one in found],
        "ts_recv": [None] * len(found),
        "quoted_value": [None] * len(found),
        "match_id": [None if name is None else f"{name}-{one}" for one in found],
    }
    return pl.DataFrame(columns, schema=STREAM_FRAME)


def segment(lake: Lake, session: str, ids: range, number: int = 1) -> Path:
    """Seal a segment of BTCUSDT trades, one a second."""
    directory = segments.directory(lake.layout, "binance", session)
    directory.mkdir(parents=True, exist_ok=True)
    name = segments.segment_name((DAY.start_us + ids[0] * 1_000_000) * 1_000, number)
    writer = SegmentWriter(directory, name, b"")
    writer.write(b"".join(recorded_trade(DAY, trade_id) for trade_id in ids))
    return writer.seal()
