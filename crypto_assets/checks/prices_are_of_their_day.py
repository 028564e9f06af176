"""C2: every price was made on the day it is kept under, and not after it was asked for."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Finding
from crypto_assets.checks.priced import PriceCheck, PricedDay
from crypto_assets.venues.coingecko import MOST_AHEAD_US

_MADE, _ASKED = pl.col("ts_updated").to_physical(), pl.col("ts_snapshot").to_physical()


def _judge(priced: PricedDay) -> Finding:
    is_within = _MADE.is_between(priced.day.start_us, priced.day.end_us, closed="left")
    found = priced.rows.select(
        strays=(~is_within).sum(),
        ahead=(_MADE > _ASKED + MOST_AHEAD_US).sum(),
    ).row(0, named=True)
    if any(found.values()):
        return Finding.fails(
            f"{found['strays']} prices of another day, {found['ahead']} made after they were "
            "asked for",
            found,
        )
    return Finding.passes("every price was made on the day")


CHECK = PriceCheck(
    code="C2",
    says="Every price was made on the day it is kept under, and not after it was asked for.",
    judge=_judge,
)
