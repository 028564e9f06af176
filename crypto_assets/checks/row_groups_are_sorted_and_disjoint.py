"""F3: each row group's keys lie above those of the group before, so readers may skip groups."""

from __future__ import annotations

from itertools import pairwise

from crypto_assets.checks.assets import SEALED
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.numbering import Numbering

_SHOWN = 20


def _judge(day: Day, measured: Measured) -> Finding:
    sealed = day.sealed.get(measured["asset"])
    if sealed is None:
        return Finding.cannot_judge("no sealed file is stored")
    groups = sealed.row_group_keys
    if not groups and sealed.rows:
        return Finding.cannot_judge("the file has rows but no statistics of its row groups")
    wrong = [at for at, (lowest, highest) in enumerate(groups) if lowest > highest]
    # Two trades of one opaque id may lie on either side of a cut.
    apart = 0 if sealed.manifest.numbering is Numbering.OPAQUE else 1
    wrong += [
        at
        for at, (before, after) in enumerate(pairwise(groups), start=1)
        if before[1] + apart > after[0]
    ]
    if not wrong:
        return Finding.passes(
            f"{len(groups)} row groups are sorted and disjoint", {"groups": len(groups)}
        )
    return Finding.fails(
        f"{len(wrong)} of {len(groups)} row groups begin below the end of the one before",
        {
            "groups": len(groups),
            "wrong": [{"group": at, "keys": list(groups[at])} for at in sorted(wrong)[:_SHOWN]],
        },
    )


CHECK = Check(
    code="F3",
    assets=SEALED,
    says="Each row group's keys lie above those of the group before.",
    judge=_judge,
)
