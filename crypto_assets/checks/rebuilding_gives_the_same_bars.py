"""B10: computing the bars a second time from the same inputs gives the same values."""

from __future__ import annotations

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.rebuilt_bars_hash is None:
        return Finding.not_checked("the bars were not computed a second time")
    if day.bars_summary is None:
        return Finding.cannot_judge("no summary of the bars is stored")
    stored = day.bars_summary.logical_hash
    evidence = {"stored": stored, "rebuilt": day.rebuilt_bars_hash}
    if day.rebuilt_bars_hash == stored:
        return Finding.passes("both times the bars have the same logical hash", evidence)
    return Finding.fails("the bars computed a second time have another logical hash", evidence)


CHECK = Check(
    code="B10",
    assets=("bars_1s",),
    says="Computing the bars a second time from the same inputs gives the same values.",
    judge=_judge,
)
