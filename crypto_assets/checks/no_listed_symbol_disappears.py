"""L4: what was listed before is listed still, traded or not.

Days before a symbol's first are told by its absence from later answers: this holds while the
exchange goes on listing what no longer trades.
"""

from __future__ import annotations

from crypto_assets.checks.check import Finding
from crypto_assets.checks.listed import Listed, ListingCheck
from crypto_assets.model.verdict import Severity

_SHOWN = 50


def _judge(listed: Listed) -> Finding:
    if listed.before is None:
        return Finding.not_checked("no earlier answer is kept")
    gone = sorted(listed.before.symbols.keys() - listed.info.symbols.keys())
    since = listed.before.date.isoformat()
    if gone:
        return Finding.fails(
            f"{len(gone):,} symbols listed on {since} are gone, such as {gone[0]}",
            {"count": len(gone), "gone": gone[:_SHOWN], "since": since},
        )
    return Finding.passes(f"all {len(listed.before.symbols):,} symbols of {since} are listed")


CHECK = ListingCheck(
    code="L4",
    says="What was listed before is listed still.",
    judge=_judge,
    severity=Severity.WARN,
)
