"""Whether what is read of a day is all there was: the one definition of complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crypto_assets.checks.amounts import OF_TRADES, SUMS_OF_BARS
from crypto_assets.errors import Incomplete, UnreadableInput
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition, Verdict
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.steps import has_values
from crypto_assets.pipeline.views import Held

_DAYS_NAMED, _RANGES_NAMED = 20, 5
_NOTHING = "nothing stored"
_STALE = "trades came in since it was made: build the day anew"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one day as it is read."""

    partition: Partition
    condition: Condition
    is_complete: bool
    """Whether every trade of the day is in what is read, or none can have been."""
    missing: Coverage
    """The ids that are known to be missing of what is read."""
    why: str
    """What keeps the day from being complete; empty where it is."""

    def __str__(self) -> str:
        said = f"{self.partition}: {self.condition.value}"
        if self.missing.ranges:
            shown = ", ".join(
                f"{first}..{last}" for first, last in self.missing.ranges[:_RANGES_NAMED]
            )
            more = len(self.missing.ranges) - _RANGES_NAMED
            further = f" and {more} further ranges" if more > 0 else ""
            said += f", {len(self.missing)} ids missing: {shown}{further}"
        return f"{said} ({self.why})" if self.why else said


def prove(lake: Lake, view: str, partition: Partition, held: Held | None) -> Proof:
    """Say whether what a view reads of a day is complete.

    It is where the day's condition is proven (confirmed, complete or halted) and what is read was
    made of all the trades the condition is about: a sealed file may be older than they are. A day
    on which the symbol was not listed lacks nothing.

    Args:
        lake: where it lies.
        view: ``trades`` or ``bars_1s``.
        partition: the day.
        held: what the view reads of it, None where nothing is stored.

    """
    judged = verdicts.glance(lake, partition)
    lacks, why = Coverage(), ""
    try:
        if held is not None:
            lacks, why = _behind(lake, view, held, judged.judged)
        elif not _is_empty(judged.condition, view):
            why = _NOTHING
    except UnreadableInput as error:
        why = str(error)
    is_known_empty = held is None and judged.condition is Condition.NOT_LISTED
    is_complete = not why and (judged.condition.is_proven or is_known_empty)
    if not is_complete:
        with contextlib.suppress(UnreadableInput):
            lacks |= gaps.missing_of(lake, partition)
        why = "; ".join(filter(None, (why, *_faults(judged.condition, judged.verdicts))))
    return Proof(partition, judged.condition, is_complete, lacks, why)


def hold_complete(proofs: Iterable[Proof]) -> None:
    """Refuse days that are not complete.

    Raises:
        Incomplete: naming each of the first of them with its condition and the ids it lacks.
    """
    lacking = [proof for proof in proofs if not proof.is_complete]
    if not lacking:
        return
    more = len(lacking) - _DAYS_NAMED
    lines = [str(proof) for proof in lacking[:_DAYS_NAMED]]
    raise Incomplete(
        "\n  ".join(
            [
                f"expected days that are proven complete, found {len(lacking)} that are not:",
                *lines,
                *([f"and {more} more"] if more > 0 else []),
            ],
        ),
    )


def _is_empty(condition: Condition, view: str) -> bool:
    """Whether nothing stored is all there was: bars of a day without a trade are bars all the same.

    A day the symbol was not listed on has no bars either.
    """
    is_without_trades = condition is Condition.HALTED and view == "trades"
    return is_without_trades or condition is Condition.NOT_LISTED


def _behind(
    lake: Lake,
    view: str,
    held: Held,
    judged: Mapping[str, str],
) -> tuple[Coverage, str]:
    """Find what the day's trades have and what is read was not made of.

    Where the day was judged with what is read and with the trades as both are stored now, it was
    held against them then. ``judged`` names what the verdicts on each asset are about.
    """
    digest = verdicts.about(lake, "raw_trades", held.partition)
    of = verdicts.about(lake, held.asset, held.partition)
    if judged.get("raw_trades") == digest and judged.get(held.asset) == of:
        return Coverage(), ""
    hot = lake.summary("raw_trades", held.partition)
    if view != "trades":
        sealed = lake.manifest("daily_trades", held.partition)
        return Coverage(), "" if _are_current(lake, held, hot, sealed) else _STALE
    if hot is None or not held.is_sealed:
        return Coverage(), ""
    sealed = lake.manifest(held.asset, held.partition)
    assert sealed is not None  # noqa: S101 - it is held
    lacks = Coverage() if hot.numbering is Numbering.OPAQUE else hot.coverage - sealed.coverage
    if lacks.ranges:
        return lacks, _STALE
    with readable(f"raw_trades of {held.partition}"):
        rows = lake.scan("raw_trades", held.partition)
        return lacks, "" if has_values(sealed, rows, digest, held.asset) else _STALE


def _are_current(lake: Lake, held: Held, hot: Manifest | None, sealed: Manifest | None) -> bool:
    """Whether bars were made of all the trades stored of their day.

    Their manifest names the parts they were made of. Where those were folded into others since,
    bars and trades are summed up and held against each other.
    """
    trades = hot or sealed
    (path,) = held.files
    made = lake.file_manifest(path)
    if trades is None or made is None:
        return False
    of = made.parents.get("raw_trades")
    known = {hot.logical_hash} if hot else {trades.logical_hash, trades.parents.get("raw_trades")}
    if of is not None and of in known:
        return True
    asset = "raw_trades" if hot else "daily_trades"
    with readable(f"{path} and {asset} of {held.partition}"):
        rows = lake.scan(asset, held.partition).select(**OF_TRADES).collect(engine="streaming")
        sums = held.scan().select(**SUMS_OF_BARS).collect(engine="streaming")
    return rows.row(0) == sums.row(0)


def _faults(condition: Condition, found: Iterable[Verdict]) -> Iterator[str]:
    """Say why a day's condition is no proof."""
    if condition is Condition.PROVISIONAL:
        yield "an edge of the day is not proven"
    if condition is Condition.DEGRADED:
        for verdict in found:
            if verdict.is_fault and not verdicts.is_consequence(verdict):
                yield verdict.check
