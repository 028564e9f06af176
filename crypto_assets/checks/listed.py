"""What the checks of a venue's description of its symbols may look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from crypto_assets.checks.check import Finding
from crypto_assets.model.verdict import Severity
from crypto_assets.venues.binance_exchange_info import ExchangeInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a venue lists on a UTC day."""

    date: dt.date
    """The day it is kept under."""
    info: ExchangeInfo
    before: ExchangeInfo | None = None
    """What it listed on the last day before of which that is known."""
    wanted: tuple[str, ...] = ()
    """The symbols the settings name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingCheck:
    """A proposition about a day's listings, named by its module, found there as ``CHECK``."""

    code: str
    says: str
    """The proposition as one sentence."""
    judge: Callable[[Listed], Finding]
    severity: Severity = Severity.ERROR
