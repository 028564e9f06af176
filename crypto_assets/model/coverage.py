"""Sets of trade ids as ranges: the arithmetic behind "which ids are missing"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

Range = tuple[int, int]
"""First and last id, both inside."""


def _normal(ranges: Iterable[Range]) -> Iterator[Range]:
    """Merge ranges that overlap or touch; yields them ascending and disjoint."""
    current: Range | None = None
    for first, last in sorted(ranges):
        if first > last:
            raise ValueError(f"range {first}..{last} ends before it starts")
        if current is None:
            current = (first, last)
        elif first <= current[1] + 1:
            current = (current[0], max(current[1], last))
        else:
            yield current
            current = (first, last)
    if current is not None:
        yield current


@dataclass(frozen=True, slots=True)
class Coverage:
    """A set of trade ids held as ascending, disjoint, non-touching closed ranges."""

    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> Coverage:
        """Build from ranges in any order; overlapping and touching ones merge."""
        return cls(tuple(_normal(ranges)))

    @classmethod
    def of_ids(cls, ids: pl.Series) -> Coverage:
        """Build from a column of ids in any order, duplicates allowed."""
        if ids.is_empty():
            return cls()
        ids = ids if ids.is_sorted() else ids.sort()
        starts = (ids.diff().fill_null(2) > 1).arg_true()
        ends = (starts - 1).slice(1).extend_constant(len(ids) - 1, 1)
        firsts, lasts = ids.gather(starts).to_list(), ids.gather(ends).to_list()
        return cls(tuple(zip(firsts, lasts, strict=True)))

    @classmethod
    def within(cls, first: int, last: int, missing: Iterable[Range]) -> Coverage:
        """Build the ids ``first..last`` without the missing ranges."""
        return cls.of([(first, last)]) - cls.of(missing)

    @property
    def first(self) -> int | None:
        """The lowest id, None when empty."""
        return self.ranges[0][0] if self.ranges else None

    @property
    def last(self) -> int | None:
        """The highest id, None when empty."""
        return self.ranges[-1][1] if self.ranges else None

    @property
    def missing(self) -> tuple[Range, ...]:
        """The maximal holes between the lowest and the highest id."""
        return tuple(
            (left[1] + 1, right[0] - 1)
            for left, right in zip(self.ranges, self.ranges[1:], strict=False)
        )

    def holds(self, ids: pl.Series) -> pl.Series:
        """Say of each id of a column whether it is in the set, as booleans in the same order."""
        if not self.ranges:
            return pl.repeat(value=False, n=len(ids), dtype=pl.Boolean(), eager=True)
        firsts, lasts = (
            pl.Series(ends, dtype=pl.Int64()) for ends in zip(*self.ranges, strict=True)
        )
        # The last range that begins at or before an id is the only one that can hold it.
        place = firsts.search_sorted(ids, side="right").cast(pl.Int64()) - 1
        return (place >= 0) & (ids <= lasts.gather(place.clip(0)))

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __or__(self, other: Coverage) -> Coverage:
        return Coverage.of((*self.ranges, *other.ranges))

    def __and__(self, other: Coverage) -> Coverage:
        found: list[Range] = []
        left, right = list(self.ranges), list(other.ranges)
        i = j = 0
        while i < len(left) and j < len(right):
            low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
            if low <= high:
                found.append((low, high))
            if left[i][1] < right[j][1]:
                i += 1
            else:
                j += 1
        return Coverage(tuple(found))

    def __sub__(self, other: Coverage) -> Coverage:
        if not self.ranges:
            return self
        first, last = self.ranges[0][0], self.ranges[-1][1]
        holes: list[Range] = []
        at = first
        for low, high in other.ranges:
            if high < at:
                continue
            if low > last:
                break
            if low > at:
                holes.append((at, low - 1))
            at = high + 1
        if at <= last:
            holes.append((at, last))
        return self & Coverage(tuple(holes))
