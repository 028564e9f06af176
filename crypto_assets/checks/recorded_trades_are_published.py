"""T18: every trade that was recorded or fetched is in the exchange's published file.

A file that was cut short lacks some, and its checksum does not show it. The ids in it that were not
recorded are no disagreement: they are what a recording missed.
"""

from __future__ import annotations

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import PUBLISHED, Manifest
from crypto_assets.model.verdict import Severity

_SHOWN = 1_000


def _is_published(part: Manifest) -> bool:
    return bool(part.inputs) and all(
        entry.source in PUBLISHED and entry.checksum != "mismatch" for entry in part.inputs
    )


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.trades_summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    published = [part for part in day.trade_parts if _is_published(part)]
    others = [part for part in day.trade_parts if not _is_published(part)]
    if not published:
        return Finding.not_checked("no published file of the day is stored")
    if not others:
        return Finding.not_checked("nothing but the published file is stored")
    theirs = Coverage.of(span for part in published for span in part.coverage.ranges)
    ours = Coverage.of(span for part in others for span in part.coverage.ranges)
    only = ours - theirs
    evidence: dict[str, object] = {
        "recorded": len(ours),
        "published": len(theirs),
        "only_recorded_count": len(only),
        "only_recorded": [list(found) for found in only.ranges[:_SHOWN]],
        "only_published_count": len(theirs - ours),
    }
    if len(only):
        return Finding.fails(
            f"{len(only):,} of {len(ours):,} recorded trades are not in the published file",
            evidence,
        )
    return Finding.passes(f"all {len(ours):,} recorded trades are in the published file", evidence)


CHECK = Check(
    code="T18",
    assets=("raw_trades",),
    says="Every trade that was recorded or fetched is in the exchange's published file.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
)
