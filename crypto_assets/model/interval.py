"""The lengths a bar may have."""

from __future__ import annotations

from enum import StrEnum

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


class Interval(StrEnum):
    """A bar's length; every one divides a UTC day, so no bar crosses a partition."""

    SECOND = "1s"
    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    HOUR = "1h"
    FOUR_HOURS = "4h"
    DAY = "1d"

    @property
    def microseconds(self) -> int:
        """The length in microseconds."""
        count, unit = int(self.value[:-1]), self.value[-1]
        return count * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit] * SECOND_US

    @property
    def bars_per_day(self) -> int:
        """How many bars a full UTC day has."""
        return DAY_US // self.microseconds
