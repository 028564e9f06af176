"""T3: the day's first id follows the day before's last, the day after's first follows its last.

An edge whose neighbour is not stored is unproven: a warning. A neighbour whose ids leave a hole or
overlap is an error, since ids between the two days are missing or doubled; which of the two days
lacks them the ids cannot tell, so the error stands for both, unless the exchange's klines count
every trade of this one.
"""

from __future__ import annotations

from crypto_assets.checks import klines_count_every_trade
from crypto_assets.checks.check import UNNUMBERED, Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.edges import Join, Seam, edges_of
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.verdict import Severity


def _told(name: str, seam: Seam) -> str:
    if seam.ids is None:
        return f"{name} edge {seam.join}"
    first, last = seam.ids
    found = "missing" if seam.join is Join.HOLE else "on both sides"
    return f"{name} edge: ids {first} to {last} are {found}"


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is not None and day.trades_summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    if day.numbering is Numbering.OPAQUE:
        return Finding.not_checked(UNNUMBERED)
    edges = edges_of(day)
    seams = {"left": edges.left, "right": edges.right}
    evidence: dict[str, object] = {name: seam.join.value for name, seam in seams.items()}
    for kind, word in ((Join.HOLE, "missing"), (Join.OVERLAP, "doubled")):
        ranges = {seam.ids for seam in seams.values() if seam.join is kind and seam.ids}
        if ranges:
            evidence[word] = [list(found) for found in sorted(ranges)]
    message = ", ".join(_told(name, seam) for name, seam in seams.items())
    if edges.are_joined:
        return Finding.passes(message, evidence)
    if all(seam.ids is None for seam in seams.values()):
        return Finding.fails(message, evidence)
    counted = klines_count_every_trade.CHECK.judge(day, measured)
    if counted.checked and counted.passed:
        evidence["counted_by_klines"] = True
        return Finding.fails(f"{message}; the klines count every trade of this day", evidence)
    return Finding.fails(message, evidence, severity=Severity.ERROR)


CHECK = Check(
    code="T3",
    assets=("verdicts",),
    says="The day's ids follow the day before's and are followed by the day after's.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.SEALING,
)
