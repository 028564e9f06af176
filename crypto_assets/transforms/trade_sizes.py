"""How large trades are: counts in ten classes a power of ten, with exact bounds."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from decimal import Decimal

import polars as pl

from crypto_assets.model.report import Sizes

_PREFERRED = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8")
"""Ten steps a power of ten, about alike on a log scale. Source: ISO 3, series R10."""
_BOUNDS = [Decimal(step).scaleb(exponent) for exponent in range(-8, 21) for step in _PREFERRED]


def trade_sizes(trades: pl.LazyFrame) -> list[Sizes]:
    """Count trades by quantity, in base units, apart for takers that bought and that sold.

    Args:
        trades: ``quantity`` and ``is_buyer_maker`` of the Trades schema, in any order.

    Returns:
        Classes ``[from_, until)`` that follow each other, from the first to the last with a trade.
    """
    counted = trades.group_by("quantity", "is_buyer_maker").len().collect(engine="streaming")
    found: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    for quantity, taker_sold, count in counted.iter_rows():
        found[taker_sold][bisect_right(_BOUNDS, quantity) - 1] += count
    classes = sorted(found[True].keys() | found[False].keys())
    if not classes:
        return []
    return [
        Sizes(_BOUNDS[at], _BOUNDS[at + 1], found[False][at], found[True][at])
        for at in range(classes[0], classes[-1] + 1)
    ]
