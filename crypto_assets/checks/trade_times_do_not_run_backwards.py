"""T5: in order of trade ids, times do not fall, down to the resolution the ids have."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.verdict import Severity

_TIME = pl.col("ts_event").to_physical()
_STEP = _TIME.diff()
_COARSE = (_TIME // Numbering.OPAQUE.resolution_us).diff()


def _judge(day: Day, measured: Measured) -> Finding:
    is_opaque = day.numbering is Numbering.OPAQUE
    count = measured["coarse_inversions" if is_opaque else "inversions"]
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
    measures={
        "inversions": (_STEP < 0).sum(),
        "coarse_inversions": (_COARSE < 0).sum(),
        "deepest": _STEP.min(),
    },
)
