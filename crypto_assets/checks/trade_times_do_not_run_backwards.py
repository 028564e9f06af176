"""T5: in order of trade ids, times do not fall."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity

_STEP = pl.col("ts_event").to_physical().diff()


def _judge(_day: Day, measured: Measured) -> Finding:
    count = measured["inversions"]
    if not count:
        return Finding.passes("times never fall from one trade id to the next")
    return Finding.fails(
        f"{count:,} trades are earlier than the trade with the id before, at most by "
        f"{-measured['deepest']:,} microseconds",
        {"inversions": count, "deepest_us": -measured["deepest"]},
    )


CHECK = Check(
    code="T5",
    assets=("raw_trades",),
    says="In order of trade ids, times do not fall.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
    measures={"inversions": (_STEP < 0).sum(), "deepest": _STEP.min()},
)
