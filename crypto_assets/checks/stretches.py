"""Where a day's aggregates come without a break: from page to page, or within one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Stretch:
    """Parts whose aggregate ids overlap or follow each other: nothing is left out between them."""

    ids: Range
    """The first and last aggregate's id."""
    span: Range
    """When the first and last of them were matched, in microseconds."""


def stretches_of(parts: Sequence[Manifest]) -> tuple[Stretch, ...]:
    """Join the parts of a day to stretches, ascending; parts without rows are of none."""
    filled = [
        (part.first_id, part.last_id, part.first_us, part.last_us)
        for part in parts
        if part.first_id is not None and part.last_id is not None
    ]
    whole = Coverage.of((first, last) for first, last, _, _ in filled)
    return tuple(
        Stretch(ids, _span((f, u) for first, _, f, u in filled if ids[0] <= first <= ids[1]))
        for ids in whole.ranges
    )


def _span(times: Iterable[tuple[int | None, int | None]]) -> Range:
    """The lowest and the highest of times."""
    both = [time for pair in times for time in pair if time is not None]
    return min(both, default=0), max(both, default=0)
