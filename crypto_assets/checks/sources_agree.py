"""T10: where two inputs hold the same trade id, they say the same of it."""

from __future__ import annotations

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(day: Day, _measured: Measured) -> Finding:
    summary = day.trades_summary
    if summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    if not summary.conflicts:
        return Finding.passes(
            f"{summary.duplicates:,} rows were there more than once, each time the same",
            {"duplicates": summary.duplicates, "sources": summary.sources},
        )
    return Finding.fails(
        f"{len(summary.conflicts):,} trade ids or more have different contents",
        {
            "count": len(summary.conflicts),
            "conflicts": list(summary.conflicts),
            "inputs": [entry.name for entry in summary.inputs],
        },
    )


CHECK = Check(
    code="T10",
    assets=("raw_trades",),
    says="Where two inputs hold the same trade id, they say the same of it.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
