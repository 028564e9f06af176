"""C3: every hour that has passed has a price of every coin and currency."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Finding
from crypto_assets.checks.priced import PriceCheck, PricedDay
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import Interval
from crypto_assets.model.verdict import Severity

_HOUR_US = Interval.HOUR.microseconds


def _judge(priced: PricedDay) -> Finding:
    passed = (priced.until_us - priced.day.start_us) // _HOUR_US
    hour = (pl.col("ts_updated").to_physical() - priced.day.start_us) // _HOUR_US
    hours = priced.rows.select("coin", "currency", hour=hour)
    lacking: dict[str, list[str]] = {}
    for coin, currency in priced.pairs:
        those = hours.filter(coin=coin, currency=currency)["hour"]
        missing = Coverage.of([(0, passed - 1)] if passed > 0 else []) - Coverage.of_ids(
            those.unique().sort(),
        )
        if missing:
            lacking[f"{coin}/{currency}"] = [
                f"{first:02}..{last:02}" if first < last else f"{first:02}"
                for first, last in missing.ranges
            ]
    if lacking:
        named = "; ".join(f"{pair} {', '.join(found)}" for pair, found in lacking.items())
        return Finding.fails(
            f"hours without a price: {named}; materialize the day once it is over",
            {"hours": lacking},
        )
    return Finding.passes(f"{len(priced.pairs)} pairs have a price in each of {passed} hours")


CHECK = PriceCheck(
    code="C3",
    says="Every hour that has passed has a price of every coin and currency.",
    judge=_judge,
    severity=Severity.WARN,
)
