"""F5: the partition's directory holds the sealed file and its sidecar, nothing else."""

from __future__ import annotations

from crypto_assets.checks.assets import SEALED
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

_SHOWN = 20


def _judge(day: Day, measured: Measured) -> Finding:
    sealed = day.sealed.get(measured["asset"])
    if sealed is None:
        return Finding.cannot_judge("no sealed file is stored")
    others = sealed.neighbours
    if not others:
        return Finding.passes(f"version {sealed.manifest.version} is the only file")
    return Finding.fails(
        f"{len(others)} other files lie beside the sealed one",
        {"count": len(others), "neighbours": list(others[:_SHOWN])},
    )


CHECK = Check(
    code="F5",
    assets=SEALED,
    says="The partition's directory holds the sealed file and its sidecar, nothing else.",
    judge=_judge,
)
