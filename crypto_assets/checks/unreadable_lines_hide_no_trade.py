"""S5: lines that could not be read were not trades of this day.

Nobody can know what an unreadable line said. But where the ids are contiguous and both
neighbouring days join, no trade is left for it to have been.
"""

from __future__ import annotations

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.edges import edges_of


def _judge(day: Day, _measured: Measured) -> Finding:
    summary = day.trades_summary
    if summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    count = summary.unreadable
    if not count:
        return Finding.passes("every line could be read", {"unreadable": 0})
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


CHECK = Check(
    code="S5",
    assets=("raw_trades",),
    says="Lines that could not be read were not trades of this day.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
