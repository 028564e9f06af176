"""What was fetched over REST, by the name it is kept under as an input."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crypto_assets.model.interval import Interval

_NAME = re.compile(
    r"(?P<symbol>[^\W_]+)-(?:(?P<kind>aggTrades|{intervals})-)?rest-[0-9]+-[0-9]+\.csv".format(
        intervals="|".join(Interval),
    ),
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Rows in the archive's columns, named by the first and last of them.

    ``SYMBOL-rest-FIRST-LAST.csv`` holds trades by id, ``SYMBOL-aggTrades-rest-FIRST-LAST.csv``
    aggregate trades by theirs, ``SYMBOL-1m-rest-FIRST-LAST.csv`` klines by their opening times.
    """

    symbol: str
    table: str
    """``trades``, ``agg_trades`` or ``klines``."""
    interval: str | None
    """The klines' interval; None for the others."""

    @classmethod
    def named(cls, filename: str) -> Fetched | None:
        """Say what a file holds by its name; None where it is no such name."""
        found = _NAME.fullmatch(filename)
        if found is None:
            return None
        symbol, kind = found["symbol"], found["kind"]
        if kind is None:
            return cls(symbol, "trades", None)
        if kind == "aggTrades":
            return cls(symbol, "agg_trades", None)
        return cls(symbol, "klines", kind)
