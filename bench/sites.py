"""What the host of an archive publishes, and what is asked of those who have downloaded it.

A large day, small days, and one that was tampered with.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Site:
    """Days of some symbols, each with as many trades."""

    name: str
    says: str
    symbols: tuple[str, ...]
    dates: tuple[str, ...]
    trades: int
    """Of a symbol a day."""
    is_tampered: bool = False
    """Whether trades were taken out of the zips after their checksums had been written."""

    @property
    def days(self) -> dict[str, tuple[str, ...]]:
        """The dates of each symbol."""
        return dict.fromkeys(self.symbols, self.dates)

    @property
    def rows(self) -> int:
        """All trades there are."""
        return len(self.symbols) * len(self.dates) * self.trades


SMALL_TRADES = 20_000
REMOVED = 100
"""Trades that a tampered zip lacks."""
SMALL = Site(
    name="small",
    says="30 symbol-days",
    symbols=("BTCUSDT", "ETHUSDT", "BNBUSDT"),
    dates=tuple(f"2025-03-{day:02}" for day in range(4, 14)),
    trades=SMALL_TRADES,
)
ONE = Site("one", "one small day", ("BTCUSDT",), ("2025-03-03",), SMALL_TRADES)
TAMPERED = Site("tampered", "tampered with", ONE.symbols, ONE.dates, ONE.trades, is_tampered=True)


def large(trades: int) -> Site:
    """Give a site of a single day."""
    return Site(f"large-{trades}", "one large day", ONE.symbols, ONE.dates, trades)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Whose files, and of which site; see :mod:`bench.stored`."""

    site: Site
    published: str
    left: str
    trades: str


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What lies there."""

    rows: int = 0
    bytes: int = 0
    seconds: int = 0
    """Seconds with trades that were published."""
    unequal: int = 0
    """Those whose quote volume, summed from what is stored, is not equal to the kline's."""
    off: int = 0
    """Those where it is not even so after it was rounded to 8 decimals."""
    is_exact: bool = False
    """Whether prices are decimals."""
