"""What the checks of prices may look at, and what such a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from crypto_assets.checks.check import Finding
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedDay:
    """The prices of a UTC day."""

    day: Partition
    rows: pl.DataFrame
    """The PriceSnapshots schema."""
    pairs: tuple[tuple[str, str], ...]
    """Coins and currencies that were to be asked for."""
    until_us: int
    """How far the day has gone, in microseconds since 1970: its end, or now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCheck:
    """A proposition about a day's prices, named by its module, found there as ``CHECK``."""

    code: str
    says: str
    """The proposition as one sentence."""
    judge: Callable[[PricedDay], Finding]
    severity: Severity = Severity.ERROR
