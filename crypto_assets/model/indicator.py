"""What is derived of a day's bars and trades: of which bars, over how many, and how much."""

from __future__ import annotations

from crypto_assets.model.interval import Interval

INTERVALS = tuple(
    interval.value
    for interval in (
        Interval.MINUTE,
        Interval.FIVE_MINUTES,
        Interval.FIFTEEN_MINUTES,
        Interval.HOUR,
        Interval.DAY,
    )
)
"""Whose bars have indicators."""
WINDOWS = (20, 50, 200)
"""How many bars averages and rolling volatilities reach over."""
WARM_UP_DAYS = 9
"""So many days before hold the 200 bars of an hour before a day's first bar."""
VALUE_AREA = 70
"""Per cent of the volume the value area of a volume profile holds at least."""
