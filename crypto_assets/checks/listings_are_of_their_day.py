"""L3: the answer was given on the day it is kept under."""

from __future__ import annotations

from crypto_assets.checks.check import Finding
from crypto_assets.checks.listed import Listed, ListingCheck


def _judge(listed: Listed) -> Finding:
    found = listed.info.date
    if found != listed.date:
        return Finding.fails(
            f"expected an answer of {listed.date}, found one of {found}",
            {"expected": listed.date.isoformat(), "found": found.isoformat()},
        )
    return Finding.passes(f"given on {found}", {"at_us": listed.info.at_us})


CHECK = ListingCheck(
    code="L3",
    says="The answer was given on the day it is kept under.",
    judge=_judge,
)
