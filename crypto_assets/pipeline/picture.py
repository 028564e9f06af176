"""A picture of one day as it lies in the lake."""

from __future__ import annotations

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.status import status_of
from crypto_assets.sinks import chart


def picture_of(lake: Lake, partition: Partition, width_px: int = 900) -> bytes | None:
    """Draw a day's bars with what is missing of them as PNG, None where there are no bars."""
    sealed, hot = (bool(lake.layout.files(name, partition)) for name in ("daily_bars", "bars_1s"))
    if not (sealed or hot):
        return None
    day = status_of(lake, partition)
    bars = lake.scan("bars_1s" if hot else "daily_bars", partition).collect()
    found = chart.Chart(
        bars,
        title=f"{day.symbol} on {day.venue}, {day.date}",
        subtitle=f"{day.rows:,} trades, {day.condition}",
        missing=day.missing,
    )
    return chart.png(found, width_px)
