"""One instrument on one UTC day: the unit of everything that is built, checked and proven."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Self

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US

_EPOCH = dt.date(1970, 1, 1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_date(text: str) -> dt.date:
    """Read ``YYYY-MM-DD``.

    Raises:
        InvalidName: the text is not exactly such a date.
    """
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidName(f"date {text!r}: expected YYYY-MM-DD, such as 2024-07-24") from None


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One instrument on one UTC day, by the time the trades were matched."""

    instrument: Instrument
    date: dt.date

    @classmethod
    def of(cls, venue: str, symbol: str, date: str) -> Self:
        """Build a partition from text, checking every part."""
        return cls(Instrument(venue, symbol), parse_date(date))

    @classmethod
    def of_day(cls, instrument: Instrument, day: int) -> Self:
        """Build a partition from a day counted since 1970-01-01."""
        return cls(instrument, _EPOCH + dt.timedelta(days=day))

    @property
    def start_us(self) -> int:
        """Midnight UTC that opens the day, in microseconds since 1970."""
        return (self.date - _EPOCH).days * DAY_US

    @property
    def end_us(self) -> int:
        """Midnight UTC that ends the day, exclusive, in microseconds since 1970."""
        return self.start_us + DAY_US

    @property
    def previous(self) -> Partition:
        """The day before."""
        return Partition(self.instrument, self.date - dt.timedelta(days=1))

    @property
    def next(self) -> Partition:
        """The day after."""
        return Partition(self.instrument, self.date + dt.timedelta(days=1))

    def __str__(self) -> str:
        return f"{self.instrument} {self.date.isoformat()}"
