"""What is traded where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from crypto_assets.errors import InvalidName

_VENUE = re.compile(r"[a-z][a-z0-9_]{1,31}")
# Upper-case letters and digits of any script: venues list symbols such as 币安人生USDT.
_SYMBOL = re.compile(r"[^\W_]{2,40}")


@dataclass(frozen=True, slots=True, order=True)
class Instrument:
    """Name one symbol on one venue.

    Both names end in paths, partition keys and SQL, so they are checked here once.

    Raises:
        InvalidName: the venue is not ``[a-z][a-z0-9_]*`` or the symbol is not 2 to 40
            letters and digits without lower case.
    """

    venue: str
    symbol: str

    def __post_init__(self) -> None:
        if not _VENUE.fullmatch(self.venue):
            raise InvalidName(f"venue {self.venue!r}: expected lower-case letters, digits and _")
        if not _SYMBOL.fullmatch(self.symbol) or self.symbol != self.symbol.upper():
            raise InvalidName(
                f"symbol {self.symbol!r}: expected 2 to 40 upper-case letters and digits, "
                "such as BTCUSDT",
            )

    @classmethod
    def parse(cls, text: str, default_venue: str = "binance") -> Self:
        """Read ``BTCUSDT`` or ``binance:BTCUSDT``; the symbol may be lower case."""
        venue, _, symbol = text.rpartition(":")
        return cls(venue or default_venue, symbol.upper())

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"
