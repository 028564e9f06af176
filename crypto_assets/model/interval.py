"""The lengths a bar may have."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

from crypto_assets.errors import InvalidName

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
_NAME = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def length_of(name: str) -> int:
    """Read how long an interval such as ``3m`` is, in microseconds.

    Raises:
        InvalidName: it is none, or does not divide a day, as ``1w`` and ``1M`` do not: such a bar
            would lie in several partitions.
    """
    found = _NAME.fullmatch(name)
    length = int(found[1]) * _UNITS[found[2]] * SECOND_US if found else 0
    if not length or DAY_US % length:
        raise InvalidName(
            f"interval {name!r}: expected one that divides a day, such as 1s, 3m, 1h or 1d",
        )
    return length


class Interval(StrEnum):
    """A bar's length; every one divides a UTC day, so no bar crosses a partition."""

    SECOND = "1s"
    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    HOUR = "1h"
    FOUR_HOURS = "4h"
    DAY = "1d"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read one, such as ``5m``.

        Raises:
            InvalidName: it is none that bars have here.
        """
        try:
            return cls(text)
        except ValueError:
            known = ", ".join(one.value for one in cls)
            raise InvalidName(f"interval {text!r}: expected one of {known}") from None

    @property
    def microseconds(self) -> int:
        """The length in microseconds."""
        return length_of(self.value)

    @property
    def bars_per_day(self) -> int:
        """How many bars a full UTC day has."""
        return DAY_US // self.microseconds
