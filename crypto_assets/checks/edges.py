"""How a day's trade ids meet those of the days before and after."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from crypto_assets.checks.day import Day
from crypto_assets.model.coverage import Range


class Join(StrEnum):
    """How two ids that should follow each other do."""

    JOINED = "joined"
    UNPROVEN = "unproven"
    """The neighbour is not stored or not sure of its own edge."""
    HOLE = "hole"
    OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class Seam:
    """One edge of a day."""

    join: Join
    ids: Range | None = None
    """The ids in the hole or overlap."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Both edges of a day."""

    left: Seam
    right: Seam

    @property
    def are_joined(self) -> bool:
        """Whether both neighbours prove that the day lacks nothing at either end."""
        return self.left.join is Join.JOINED and self.right.join is Join.JOINED


def _meet(last: int | None, first: int | None) -> Seam:
    """Hold the last id of one day against the first of the next."""
    if last is None or first is None:
        return Seam(Join.UNPROVEN)
    if last + 1 == first:
        return Seam(Join.JOINED)
    if last < first:
        return Seam(Join.HOLE, (last + 1, first - 1))
    return Seam(Join.OVERLAP, (first, last))


def edges_of(day: Day) -> Edges:
    """Hold the day's first and last id against its neighbours'.

    A day without trades lies between neighbours whose ids must follow each other: then both its
    edges are joined. It reads the ids off the trades' summary, which
    :mod:`trade_ids_are_contiguous` holds against the rows.
    """
    before = day.previous.last_id if day.previous is not None else None
    after = day.next.first_id if day.next is not None else None
    summary = day.trades_summary
    if summary is None or summary.first_id is None:
        seam = _meet(before, after)
        return Edges(seam, seam)
    return Edges(_meet(before, summary.first_id), _meet(summary.last_id, after))
