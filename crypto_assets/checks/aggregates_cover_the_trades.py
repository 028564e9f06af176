"""T11: the exchange's aggregates are made of the day's trades: every id once, amounts exact.

An aggregate is one taker's order at one price (``aggTrades`` of the exchange's API): the trades
``first..last``. Taken by their first trade they follow each other without a hole or an overlap;
each has the sum of its trades' quantities, their price and side, and the time of the first of them.

Aggregates of a part of the day judge only what they cover. An order may be filled across midnight:
an aggregate of the day's first or last second may have trades on the day beside it, unless that day
says otherwise.
"""

from __future__ import annotations

from collections import Counter

from crypto_assets.checks.amounts import decimal
from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.covering import Covering, Over, cover
from crypto_assets.checks.day import Day
from crypto_assets.checks.stretches import stretches_of
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import SECOND_US

_LISTED = 1_000


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.aggregates is None:
        return Finding.not_checked("no aggregate trades of the day are stored")
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    found = cover(day.trades, day.aggregates, stretches_of(day.aggregate_parts))
    if found.lacks is not None:
        return Finding.cannot_judge(found.lacks)
    if not found.aggregates:
        return Finding.not_checked("no aggregate trades of the day are stored")
    across = [over for over in found.over if _is_across_midnight(day, over, found.trades)]
    faults = _faults(found, [over for over in found.over if over not in across])
    uncovered = _uncovered(found)
    evidence: dict[str, object] = {
        "aggregates": found.aggregates,
        "ids": found.ids,
        "covers": list(found.span or ()),
        "quantity": {"aggregates": decimal(found.said), "trades": decimal(found.held)},
        "whole_day": not uncovered.ranges and not faults,
        "published": _is_published(day, found.aggregates),
        "uncovered": _listed(uncovered),
        "across_midnight": [[over.agg_id, *over.ids] for over in across],
    }
    told = f"{found.aggregates:,} aggregates of {found.ids:,} trades"
    if not faults:
        part = f"; {len(uncovered):,} trades lie outside of them" if uncovered.ranges else ""
        return Finding.passes(f"{told} are what the trades add up to{part}", evidence)
    why = ", ".join(f"{count:,} {_FAULTS[kind]}" for kind, count in faults.items())
    return Finding.fails(f"of {told}: {why}", {**evidence, **_shown(found, faults)})


def _faults(found: Covering, cut: list[Over]) -> Counter[str]:
    """Count the faults by kind; aggregates that were cut have trades that are not held."""
    held = Coverage.of([found.trades] if found.trades is not None else [])
    found.missing |= Coverage.of(over.ids for over in cut) - held
    return +(found.faults + Counter(trades=len(cut)))


def _shown(found: Covering, faults: Counter[str]) -> dict[str, object]:
    """What is wrong, and which trade ids it is about."""
    return {
        "faults": dict(faults),
        "shown": found.shown,
        "left_out": [list(ids) for ids in found.left_out],
        "missing_count": len(found.missing),
        "missing": _listed(found.missing),
    }


def _listed(ids: Coverage) -> list[list[int]]:
    return [list(found) for found in ids.ranges[:_LISTED]]


_FAULTS = {
    "backwards": "end before they begin",
    "holes": "leave out ids before them",
    "overlaps": "overlap with one before",
    "trades": "have trades that are not held",
    "quantity": "have another quantity than their trades",
    "price": "have another price than one of their trades",
    "side": "have another side than one of their trades",
    "time": "have another time than their first trade",
}


def _is_across_midnight(day: Day, over: Over, held: Range | None) -> bool:
    """Whether what an aggregate lacks may be of the day before or after."""
    if held is None:
        return False
    start, end = day.partition.start_us, day.partition.end_us
    before = day.previous is None or day.previous.last_id + 1 == held[0]
    after = day.next is None or day.next.first_id - 1 == held[1]
    begins = over.ids[0] >= held[0] or (before and over.us < start + SECOND_US)
    ends = over.ids[1] <= held[1] or (after and over.us >= end - SECOND_US)
    return begins and ends


def _uncovered(found: Covering) -> Coverage:
    """The held trades that no stored aggregate can tell anything of."""
    if found.trades is None or found.span is None:
        return Coverage()
    outside = Coverage.of([found.trades]) - Coverage.of([found.span])
    return outside | Coverage.of(found.untold)


def _is_published(day: Day, aggregates: int) -> bool:
    """Whether one part that came from the exchange's archive alone holds all aggregates."""
    return any(
        part.rows == aggregates
        and part.inputs != ()
        and all(entry.source == "archive" for entry in part.inputs)
        for part in day.aggregate_parts
    )


CHECK = Check(
    code="T11",
    assets=("raw_trades",),
    says="The exchange's aggregates are made of the day's trades, exactly.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
