"""S5: lines that could not be read were not trades of this day.

Nobody can know what an unreadable line said. But where the ids are contiguous and both
neighbouring days join, no trade is left for it to have been; and where ids are not numbered, if the
exchange's klines add up to the trades of the whole day.
"""

from __future__ import annotations

from crypto_assets.checks import klines_measure_every_trade
from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.edges import edges_of
from crypto_assets.model.numbering import Numbering


def _judge(day: Day, measured: Measured) -> Finding:
    summary = day.trades_summary
    if summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    count = summary.unreadable
    if not count:
        return Finding.passes("every line could be read", {"unreadable": 0})
    if day.numbering is Numbering.OPAQUE:
        return _measured_instead(day, measured, count)
    edges = edges_of(day)
    evidence = {
        "unreadable": count,
        "missing_ranges": len(summary.missing),
        "left_edge": edges.left.join.value,
        "right_edge": edges.right.join.value,
    }
    if summary.missing or not edges.are_joined:
        why = "ids are missing" if summary.missing else "an edge of the day is not joined"
        return Finding.fails(f"{count:,} unreadable lines may be trades: {why}", evidence)
    return Finding.passes(f"{count:,} unreadable lines were no trades: every id is there", evidence)


def _measured_instead(day: Day, measured: Measured, count: int) -> Finding:
    """Judge by the klines what ids cannot tell."""
    proof = klines_measure_every_trade.CHECK.judge(day, measured)
    evidence = {"unreadable": count, "measured_by_klines": proof.evidence.get("whole_day", False)}
    if proof.checked and proof.passed and proof.evidence["whole_day"]:
        return Finding.passes(
            f"{count:,} unreadable lines were no trades: {proof.message}", evidence
        )
    return Finding.fails(f"{count:,} unreadable lines may be trades: {proof.message}", evidence)


CHECK = Check(
    code="S5",
    assets=("raw_trades",),
    says="Lines that could not be read were not trades of this day.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
