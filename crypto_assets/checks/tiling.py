"""How bars fail to lie side by side over a day."""

from __future__ import annotations

from collections.abc import Mapping


def faults_of(counts: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Say of each interval whose bars do not tile what is wrong with them.

    ``counts`` has by interval how many bars were ``expected``, are ``covered``, ``doubled`` and
    ``misplaced``.
    """
    return [
        f"{name}: {at['covered']:,} of {at['expected']:,}, {at['doubled']:,} doubled, "
        f"{at['misplaced']:,} misplaced"
        for name, at in counts.items()
        if at["covered"] != at["expected"] or at["doubled"] or at["misplaced"]
    ]
