"""What a report of a day, or of all days, says: decided before anything is drawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import polars as pl

from crypto_assets.model.coverage import Range
from crypto_assets.model.gap import Gap
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition, Verdict


class MarkKind(StrEnum):
    """What a stretch of time is marked for."""

    MISSING = "missing"
    """Trade ids of it are missing."""
    DENIED = "denied"
    """Trade ids of it are missing, and the exchange gives what lies around them without them."""
    HEALED = "healed"
    """Trade ids of it were missing and are here."""
    HALT = "halt"
    """Nothing was traded, and the ids around it prove so."""
    UNHEARD = "unheard"
    """No recorder was listening."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of time with something to say about it, in microseconds since 1970 UTC."""

    kind: MarkKind
    from_us: int
    until_us: int
    says: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One step of a proof."""

    name: str
    says: str
    holds: bool | None
    """None where there is nothing to hold it against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFact:
    """A sealed file as it lies on the disk."""

    asset: str
    path: str
    """Below the lake's root."""
    rows: int
    version: int
    bytes: int
    sha256: str
    """Of its bytes, computed for this report."""
    is_intact: bool
    """Whether the checksum beside it says the same."""
    logical_hash: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many trades were of a quantity from one bound up to the next, by who took."""

    from_: Decimal
    until: Decimal
    bought: int
    sold: int


CURVES = ("sma_20", "ema_50", "vwap_so_far", "volatility_20")
"""The columns of Indicators that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What is derived from a day's bars of one interval; floats, for they become pixels."""

    step_us: int
    columns: Mapping[str, Sequence[float | None]]
    """By their names among :data:`CURVES`, one value a bar; only those with any value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """All that is told of one symbol on one day."""

    partition: Partition
    condition: Condition
    rows: int
    """Trades, each id once."""
    ids: Range | None
    """The first and the last; None where there is none, or ids are not numbered."""
    missing: Sequence[Range]
    duplicates: int
    unreadable: int
    sources: Mapping[str, int]
    """Trades by where they came from."""
    facts: Sequence[Fact]
    files: Sequence[FileFact]
    checks: Sequence[Verdict]
    gaps: Sequence[Gap]
    marks: Sequence[Mark]
    drawn: str
    """What the bars are: ``bars_1s``, ``daily_bars``, ``klines`` or nothing."""
    step_us: int = 0
    """How long one of the bars is."""
    bars: pl.DataFrame | None = None
    """The Bars schema, every interval of the day; of klines the columns that those have."""
    hours: pl.DataFrame | None = None
    """The same by the hour."""
    sizes: Sequence[Sizes] = ()
    curves: Sequence[Curves] = ()
    profile: pl.DataFrame | None = None
    """The VolumeProfile schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCell:
    """One symbol on one day, as the survey of all shows it."""

    date: dt.date
    condition: Condition
    rows: int
    missing: int
    """How many trade ids are known to be missing."""
    sources: tuple[str, ...]
    has_report: bool = False


@dataclass(frozen=True, slots=True)
class SymbolDays:
    """One symbol's days, ascending: every one from the first that anything is stored of."""

    instrument: Instrument
    days: Sequence[DayCell]

    @property
    def proven(self) -> tuple[int, int]:
        """How many days are proven, of how many the symbol was listed on."""
        listed = [day for day in self.days if day.condition is not Condition.NOT_LISTED]
        return sum(day.condition.is_proven for day in listed), len(listed)


@dataclass(frozen=True, slots=True)
class Survey:
    """Every symbol and day of a lake."""

    symbols: Sequence[SymbolDays] = field(default_factory=list)
