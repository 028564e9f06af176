"""F4: the sealed file's bytes have the sidecar's sha256, its values the manifest's logical hash."""

from __future__ import annotations

from crypto_assets.checks.assets import SEALED
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(day: Day, measured: Measured) -> Finding:
    sealed = day.sealed.get(measured["asset"])
    if sealed is None:
        return Finding.cannot_judge("no sealed file is stored")
    evidence = {
        "sha256": sealed.sha256,
        "sidecar_sha256": sealed.sidecar_sha256,
        "logical_hash": sealed.logical_hash,
        "manifest_logical_hash": sealed.manifest.logical_hash,
    }
    faults = []
    if sealed.sidecar_sha256 is None:
        faults.append("it has no sidecar")
    elif sealed.sha256 != sealed.sidecar_sha256:
        faults.append("its bytes are not those its sidecar was made of")
    if sealed.logical_hash != sealed.manifest.logical_hash:
        faults.append("its values are not those its manifest was made of")
    if faults:
        return Finding.fails("the sealed file: " + "; ".join(faults), evidence)
    return Finding.passes("bytes and values have the hashes they were sealed with", evidence)


CHECK = Check(
    code="F4",
    assets=SEALED,
    says="The sealed file's bytes and values have the hashes they were sealed with.",
    judge=_judge,
)
