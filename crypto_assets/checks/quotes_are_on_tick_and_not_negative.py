"""Q3: prices and quantities of quotes are not negative and are multiples of tick and step.

A negative one is an error. One off the tick or step is a warning, because rules change during a
day; where the rules of the day are not known only the sign is judged.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.multiples import off_step
from crypto_assets.model.verdict import Severity

_PRICES = ("bid", "ask")
_QUANTITIES = ("bid_quantity", "ask_quantity")


def _judge(day: Day, measured: Measured) -> Finding:
    if day.quotes is None:
        return Finding.cannot_judge("no quotes are stored")
    # Counting what is not negative counts nulls as faults.
    rows = measured["rows"]
    negative = {column: rows - measured[column] for column in _PRICES + _QUANTITIES}
    off = _off(day, day.quotes)
    evidence = {
        "negative": negative,
        "off_step": off,
        "tick_size": _text(day.rules.tick_size),
        "step_size": _text(day.rules.step_size),
    }
    if any(negative.values()):
        return Finding.fails(f"{sum(negative.values()):,} values are negative", evidence)
    if any(off.values()):
        return Finding.fails(
            f"{sum(off.values()):,} values are not multiples of the tick or step size",
            evidence,
            severity=Severity.WARN,
        )
    if len(off) < len(negative):
        return Finding.passes("no value is negative; tick and step are not both known", evidence)
    return Finding.passes("no value is negative, all are multiples of tick and step", evidence)


def _text(step: Decimal | None) -> str | None:
    return None if step is None else f"{step:f}"


def _off(day: Day, quotes: pl.LazyFrame) -> dict[str, int]:
    """How many values of each column are off its step, for the steps that are known."""
    steps = [(column, day.rules.tick_size) for column in _PRICES]
    steps += [(column, day.rules.step_size) for column in _QUANTITIES]
    measures = {column: off_step(column, step).sum() for column, step in steps if step is not None}
    if not measures:
        return {}
    return quotes.select(**measures).collect(engine="streaming").row(0, named=True)


CHECK = Check(
    code="Q3",
    assets=("raw_quotes",),
    says="Prices and quantities of quotes are not negative and are multiples of tick and step.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        **{column: (pl.col(column) >= 0).sum() for column in _PRICES + _QUANTITIES},
    },
)
