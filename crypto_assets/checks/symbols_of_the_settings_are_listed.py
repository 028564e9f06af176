"""L1: every symbol that the settings name is listed."""

from __future__ import annotations

from crypto_assets.checks.check import Finding
from crypto_assets.checks.listed import Listed, ListingCheck


def _judge(listed: Listed) -> Finding:
    if not listed.wanted:
        return Finding.not_checked("the settings name no symbol")
    unknown = sorted(set(listed.wanted) - listed.info.symbols.keys())
    if unknown:
        return Finding.fails(
            f"{', '.join(unknown)}: expected symbols the exchange lists",
            {"unknown": unknown},
        )
    return Finding.passes(f"the exchange lists all {len(listed.wanted):,} symbols of the settings")


CHECK = ListingCheck(
    code="L1",
    says="Every symbol that the settings name is listed.",
    judge=_judge,
)
