"""I4: indicators and profile were made of the bars and trades that are stored now.

A day that is sealed anew, or days before that came later, leave them behind.
"""

from __future__ import annotations

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity


def _judge(day: Day, measured: Measured) -> Finding:  # noqa: ARG001 - every judge takes the same
    if day.outdated is None:
        return Finding.cannot_judge("what it was made of")
    if day.outdated:
        return Finding.fails(
            f"made of other values than are stored now of {', '.join(day.outdated)}; make it anew",
            {"differ": list(day.outdated)},
        )
    return Finding.passes("made of what is stored now")


CHECK = Check(
    code="I4",
    assets=("indicators", "volume_profile"),
    says="Indicators and profile were made of the bars and trades that are stored now.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
)
