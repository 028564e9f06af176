"""Which of a day's frames and manifests belong to which asset."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.day import Day
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.tables import (
    AGG_TRADES,
    BARS,
    INDICATORS,
    KLINES,
    OHLCV,
    QUOTES,
    TRADES,
    VOLUME_PROFILE,
    Table,
)

TABLE_OF: dict[str, Table] = {
    "raw_trades": TRADES,
    "daily_trades": TRADES,
    "raw_quotes": QUOTES,
    "daily_quotes": QUOTES,
    "bars_1s": BARS,
    "daily_bars": BARS,
    "klines": KLINES,
    "agg_trades": AGG_TRADES,
    "ohlcv": OHLCV,
    "indicators": INDICATORS,
    "volume_profile": VOLUME_PROFILE,
}
"""The table each asset's rows are of; ``verdicts`` are about a whole day and have none here."""

SEALED = ("daily_trades", "daily_quotes", "daily_bars")
"""The assets that are one sealed file a day."""


def frame_of(day: Day, asset: str) -> pl.LazyFrame | None:
    """Pick the frame an asset's measures are taken of, None where it is not stored or has none."""
    table = TABLE_OF.get(asset)
    if table is None:
        return None
    return {
        TRADES.name: day.trades,
        QUOTES.name: day.quotes,
        BARS.name: day.bars,
        KLINES.name: day.klines,
        AGG_TRADES.name: day.aggregates,
        OHLCV.name: day.ohlcv,
        INDICATORS.name: day.indicators,
        VOLUME_PROFILE.name: day.profile,
    }[table.name]


def summary_of(day: Day, asset: str) -> Manifest | None:
    """Pick the manifest of what an asset's frame was merged or computed to."""
    return {
        TRADES.name: day.trades_summary,
        QUOTES.name: day.quotes_summary,
        BARS.name: day.bars_summary,
    }.get(TABLE_OF[asset].name)
