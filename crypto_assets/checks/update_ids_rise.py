"""Q1: the order book's update ids rise from quote to quote, also as they came in.

They rise by any amount: the exchange leaves out updates that change no best price.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

_ID = pl.col("update_id")


def _judge(day: Day, measured: Measured) -> Finding:
    if day.quotes_summary is None:
        return Finding.cannot_judge("no summary of the quotes is stored")
    disordered, falling = day.quotes_summary.disordered, measured["not_rising"] + measured["nulls"]
    if not disordered and not falling:
        return Finding.passes(f"{measured['rows']:,} update ids rise")
    return Finding.fails(
        f"{disordered:,} quotes came in with an id below that of the one before; "
        f"{falling:,} do not rise as stored",
        {"disordered": disordered, "not_rising": falling, "rows": measured["rows"]},
    )


CHECK = Check(
    code="Q1",
    assets=("raw_quotes",),
    says="The order book's update ids rise from quote to quote.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        "not_rising": (_ID.diff() <= 0).sum(),
        "nulls": _ID.null_count(),
    },
)
