"""A half-open range of instants, and the days it touches."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition, parse_date

Instant = dt.date | dt.datetime | str
"""A date is its midnight UTC; a datetime, or one as ISO 8601 text, names its offset."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_FINER = re.compile(r"[.,]\d{7,}")
_LONGEST_DATE = len("2024-07-24")


def instant_us(value: Instant) -> int:
    """Read an instant as microseconds since 1970 UTC.

    Raises:
        InvalidName: it is none, has no offset, or is finer than a microsecond.
    """
    if isinstance(value, str):
        return _read_us(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise InvalidName(f"instant {value!r}: expected a time zone, such as UTC, found none")
        return int((value - _EPOCH) // _MICROSECOND)
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()).days * DAY_US
    raise InvalidName(f"instant {value!r}: expected a date, an aware datetime or ISO 8601 text")


def _read_us(text: str) -> int:
    if len(text) <= _LONGEST_DATE:
        return instant_us(parse_date(text))
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or _FINER.search(text):
        raise InvalidName(
            f"instant {text!r}: expected a date, or a time with its offset and at most six "
            "decimals, such as 2024-07-24 or 2024-07-24T09:30:00Z",
        )
    return instant_us(found)


@dataclass(frozen=True, slots=True)
class Span:
    """Every instant from ``start_us`` to before ``end_us``, in microseconds since 1970 UTC."""

    start_us: int
    end_us: int

    @classmethod
    def of(cls, start: Instant, end: Instant) -> Self:
        """Read two instants.

        Raises:
            InvalidName: one is none, or the end is not after the start.
        """
        found = cls(instant_us(start), instant_us(end))
        if found.end_us <= found.start_us:
            raise InvalidName(
                f"range {start} to {end}: expected an end after the start, which is not in it; one "
                "day ends with the next",
            )
        return found

    def opening(self, length_us: int) -> Span:
        """Give the span of the bars of a length that open in this one; it may be empty."""
        return Span(*(-(-at // length_us) * length_us for at in (self.start_us, self.end_us)))

    def days(self, instrument: Instrument) -> Iterator[Partition]:
        """Every day that has an instant of it, in order."""
        for day in range(self.start_us // DAY_US, -(-self.end_us // DAY_US)):
            yield Partition.of_day(instrument, day)

    def covers(self, day: Partition) -> bool:
        """Whether every instant of a day is in it."""
        return self.start_us <= day.start_us and day.end_us <= self.end_us
