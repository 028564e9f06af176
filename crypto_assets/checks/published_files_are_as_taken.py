"""T15: the exchange has not published a file again since it was taken."""

from __future__ import annotations

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.trades_summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    if day.republished is None:
        return Finding.not_checked("the exchange was not asked for its file of the day")
    if not day.republished:
        return Finding.passes("the published checksums are those the files were taken with")
    return Finding.fails(
        f"{', '.join(day.republished)}: published again since it was taken; materialize "
        "raw_trades to take it anew",
        {"published_sha256": dict(day.republished)},
    )


CHECK = Check(
    code="T15",
    assets=("raw_trades",),
    says="The exchange has not published a file again since it was taken.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
)
