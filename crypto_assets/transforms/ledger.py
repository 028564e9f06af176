"""The ledger of missing ids: what was known and what is missing now, made into what is known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.gap import Cause, Gap, GapState


def reconcile(
    known: Sequence[Gap],
    missing: Coverage,
    explained: Callable[[Range], Gap],
    source_of: Callable[[Range], str],
    now_us: int,
) -> list[Gap]:
    """Bring gaps up to date: those that are not healed hold exactly the missing ids afterwards.

    A gap of which some ids are here is split; what becomes of its pieces is told apart. Ids that
    were healed and are missing again are a new gap.

    Args:
        known: the gaps so far.
        missing: the ids that are missing now.
        explained: gives a new gap for ids that were not known to be missing.
        source_of: says where ids that are here came from.
        now_us: the time of looking, microseconds since 1970 UTC.

    Returns:
        Gaps ascending by id, then by when they were found.
    """
    found: list[Gap] = []
    new = missing
    for gap in known:
        if not gap.state.is_missing:
            found.append(gap)
            continue
        ids = Coverage.of([gap.ids])
        new -= ids
        found.extend(replace(gap, ids=still) for still in (ids & missing).ranges)
        found.extend(
            replace(
                gap,
                ids=here,
                state=GapState.HEALED,
                closed_us=now_us,
                source=source_of(here),
            )
            for here in (ids - missing).ranges
        )
    found.extend(explained(ids) for ids in new.ranges)
    return sorted(found, key=lambda gap: (gap.ids, gap.found_us))


def tried(
    known: Sequence[Gap],
    asked: Coverage,
    denied: Coverage,
    evidence: dict[str, object],
    now_us: int,
) -> list[Gap]:
    """Note that missing ids were asked for and not given.

    Those the exchange denied, by giving what lies around them, cannot be healed; the others stay
    open. ``evidence`` is added to that of every gap that was asked for.
    """
    found: list[Gap] = []
    for gap in known:
        ids = Coverage.of([gap.ids])
        if not (gap.state.is_missing and len(ids & asked)):
            found.append(gap)
            continue
        again = replace(
            gap,
            tried_us=now_us,
            tries=gap.tries + 1,
            evidence={**gap.evidence, **evidence},
        )
        gone = replace(again, state=GapState.UNHEALABLE, closed_us=now_us)
        left = replace(again, state=GapState.OPEN, closed_us=None)
        found.extend(replace(gone, ids=part) for part in (ids & denied).ranges)
        found.extend(replace(left, ids=part) for part in (ids - denied).ranges)
    return sorted(found, key=lambda gap: (gap.ids, gap.found_us))


def cause_of(
    span: Range,
    recorded: Sequence[Range],
    sources: Collection[str],
    *,
    unreadable: bool,
) -> tuple[Cause, tuple[Range, ...]]:
    """Say why ids between two trades are missing, and when nobody listened between the two.

    Args:
        span: when the trades around them were matched.
        recorded: when somebody listened; all times in microseconds of the exchange's clock.
        sources: where the trades around them came from.
        unreadable: whether lines recorded about then could not be read.

    Returns:
        The cause, and the parts of the span in which nobody listened.
    """
    deaf = tuple(
        (first, last)
        for first, last in (Coverage.of([span]) - Coverage.of(recorded)).ranges
        if first < last
    )
    if not recorded and "stream" not in sources:
        return Cause.NOT_PUBLISHED, deaf
    if deaf:
        return Cause.NOT_LISTENING, deaf
    return (Cause.UNREADABLE if unreadable else Cause.NOT_DELIVERED), ()
