"""T14: no input's bytes differ from the checksum its publisher gives.

A file that differs is kept in quarantine: its rows come last wherever another source has them, and
nothing is sealed of them before :mod:`what_differs_from_its_checksum_is_proven` has judged them by
their content. The exchange has published sound files with wrong checksums, and the other way round.
"""

from __future__ import annotations

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.trades_summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    inputs = day.trades_summary.inputs
    wrong = [entry for entry in inputs if entry.checksum == "mismatch"]
    verified = sum(entry.checksum == "verified" for entry in inputs)
    if not wrong:
        return Finding.passes(
            f"{verified} of {len(inputs)} inputs were verified, none differs",
            {"verified": verified, "inputs": len(inputs)},
        )
    return Finding.fails(
        f"{len(wrong)} of {len(inputs)} inputs are not what their publisher's checksum says; "
        "they are in quarantine until their content is proven",
        {"mismatches": [{"name": entry.name, "sha256": entry.sha256} for entry in wrong]},
    )


CHECK = Check(
    code="T14",
    assets=("raw_trades",),
    says="No input's bytes differ from the checksum its publisher gives.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
)
