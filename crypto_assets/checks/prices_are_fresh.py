"""C4: what was asked for at the time was made within the hour before."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Finding
from crypto_assets.checks.priced import PriceCheck, PricedDay
from crypto_assets.model.interval import SECOND_US, Interval
from crypto_assets.model.verdict import Severity
from crypto_assets.venues.coingecko import SIMPLE_PRICE

_AGE = pl.col("ts_snapshot").to_physical() - pl.col("ts_updated").to_physical()
_SHOWN = 20


def _judge(priced: PricedDay) -> Finding:
    asked = priced.rows.filter(source=SIMPLE_PRICE)
    if asked.is_empty():
        return Finding.not_checked("no price was asked for at the time")
    stale = asked.filter(Interval.HOUR.microseconds < _AGE)
    if stale.height:
        oldest = stale.group_by("coin", maintain_order=True).agg(age=(_AGE // SECOND_US).max())
        shown = dict(oldest.head(_SHOWN).iter_rows())
        return Finding.fails(
            f"{stale.height} prices were older than an hour when they were asked for: "
            f"{', '.join(shown)}",
            {"count": stale.height, "age_s": shown},
        )
    return Finding.passes(f"{asked.height} prices were at most an hour old")


CHECK = PriceCheck(
    code="C4",
    says="What was asked for at the time was made within the hour before.",
    judge=_judge,
    severity=Severity.WARN,
)
