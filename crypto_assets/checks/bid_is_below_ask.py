"""Q2: the best bid is below the best ask.

A crossed book (bid above ask) cannot be and is an error; a locked one (equal) is a warning. A
price of 0 is an empty side of the book and is above and below nothing.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity

_SHOWN = 20
_BID, _ASK = pl.col("bid"), pl.col("ask")
_BOTH = (_BID > 0) & (_ASK > 0)
_CROSSED = _BOTH & (_BID > _ASK)


def _judge(day: Day, measured: Measured) -> Finding:
    crossed, locked = measured["crossed"], measured["locked"]
    evidence = {"crossed": crossed, "locked": locked, "rows": measured["rows"]}
    if not crossed and not locked:
        return Finding.passes(f"bid is below ask in all {measured['rows']:,} quotes", evidence)
    message = f"{crossed:,} quotes are crossed, {locked:,} locked"
    if not crossed:
        return Finding.fails(message, evidence, severity=Severity.WARN)
    if day.quotes is None:
        return Finding.cannot_judge("no quotes are stored")
    first = day.quotes.filter(_CROSSED).select("update_id").head(_SHOWN).collect()
    return Finding.fails(message, {**evidence, "first": first.get_column("update_id").to_list()})


CHECK = Check(
    code="Q2",
    assets=("raw_quotes",),
    says="The best bid is below the best ask.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        "crossed": _CROSSED.sum(),
        "locked": (_BOTH & (_BID == _ASK)).sum(),
    },
)
