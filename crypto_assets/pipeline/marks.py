"""What of a day's time there is something to say about: gaps, what healed them, halts, deafness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import polars as pl

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.gap import Cause, Gap, GapState
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import Mark, MarkKind
from crypto_assets.model.verdict import Condition, Verdict

_KINDS = {
    GapState.OPEN: MarkKind.MISSING,
    GapState.UNHEALABLE: MarkKind.DENIED,
    GapState.HEALED: MarkKind.HEALED,
}
_HALTS = "silence_is_a_halt_or_a_loss"


def marks_of(
    partition: Partition,
    condition: Condition,
    gaps: Sequence[Gap],
    missing: Sequence[Range],
    checks: Sequence[Verdict],
    bars: pl.DataFrame | None,
) -> list[Mark]:
    """Say what is to be marked on the time axis, ascending, nothing outside of the day.

    A gap lies between the trades before and after it. Ids that are missing and in no gap lie
    between the bars around them, down to the second.
    """
    known = Coverage.of(gap.ids for gap in gaps if gap.state.is_missing)
    rest = Coverage.of(missing) - known
    found = [
        *(_of_gap(gap) for gap in gaps),
        *(_of_ids(partition, ids, bars) for ids in rest.ranges),
        *(mark for gap in gaps for mark in _unheard(gap)),
        *_halts(checks),
    ]
    if condition is Condition.HALTED:
        told = "nothing was traded all day; the ids around it prove so"
        found.append(Mark(MarkKind.HALT, partition.start_us, partition.end_us, told))
    within = (_cut(mark, partition) for mark in dict.fromkeys(found))
    return sorted(
        (mark for mark in within if mark is not None),
        key=lambda mark: (mark.from_us, mark.until_us, mark.kind, mark.says),
    )


def _cut(mark: Mark, partition: Partition) -> Mark | None:
    first, last = max(mark.from_us, partition.start_us), min(mark.until_us, partition.end_us)
    return Mark(mark.kind, first, last, mark.says) if first <= last else None


def told(ids: Range) -> str:
    """Write a range of ids with how many they are."""
    count = ids[1] - ids[0] + 1
    return f"id {ids[0]}" if count == 1 else f"{count:,} ids {ids[0]} to {ids[1]}"


def _of_gap(gap: Gap) -> Mark:
    why = gap.cause.value.replace("_", " ")
    says = f"{told(gap.ids)}: {why}"
    if gap.state is GapState.HEALED:
        says = f"{says}, healed from {gap.source or 'an unnamed source'}"
    elif gap.state is GapState.UNHEALABLE:
        says = f"{says}, the exchange denies them"
    return Mark(_KINDS[gap.state], gap.before_us, gap.after_us, says)


def _of_ids(partition: Partition, ids: Range, bars: pl.DataFrame | None) -> Mark:
    before, after = partition.start_us, partition.end_us
    if bars is not None:
        traded = bars.filter(pl.col("trade_count") > 0)
        opens = pl.col("ts_open").to_physical()
        ends = traded.filter(pl.col("last_trade_id") < ids[0]).select(opens.max()).item()
        begins = traded.filter(pl.col("first_trade_id") > ids[1]).select(opens.min()).item()
        before = before if ends is None else ends
        after = after if begins is None else begins + SECOND_US
    return Mark(MarkKind.MISSING, before, after, f"{told(ids)}: known to exist, not stored")


def _unheard(gap: Gap) -> Iterator[Mark]:
    """When no recorder was listening, as the evidence of a gap says, and what it noted."""
    if gap.cause is not Cause.NOT_LISTENING:
        return
    spans = gap.evidence.get("nobody_listened_us", [])
    noted = gap.evidence.get("interruptions", [])
    whys = msgspec.convert(noted, list[str])
    says = "; ".join(["no recorder was listening", *dict.fromkeys(whys)])
    for first, last in msgspec.convert(spans, list[Range]):
        yield Mark(MarkKind.UNHEARD, first, last, says)


def _halts(checks: Sequence[Verdict]) -> Iterator[Mark]:
    for check in checks:
        if check.check != _HALTS:
            continue
        for halt in msgspec.convert(check.evidence.get("halts", []), list[dict[str, object]]):
            first, last = (msgspec.convert(halt[name], int) for name in ("from_us", "until_us"))
            says = f"no trade for {(last - first) // SECOND_US:,} s, and no id is missing"
            yield Mark(MarkKind.HALT, first, last, says)
