"""What a partition's verdicts add up to."""

from __future__ import annotations

from collections.abc import Sequence

from crypto_assets.checks.day import Day
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import PUBLISHED, Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.verdict import Condition, Verdict

_TRADES = ("raw_trades", "bars_1s", "daily_trades", "daily_bars", "verdicts")
"""The assets whose faults are the day's. Quotes are observed and cannot be healed, and klines are
what the exchange says of the day: neither degrades its trades."""

_CONFIRMS = {
    "bars_equal_klines": ("whole_day",),
    "aggregates_cover_the_trades": ("whole_day", "published"),
    "three_sources_agree": ("whole_day",),
}
"""The checks that confirm a complete day, and what their evidence must say."""


def conclude(
    verdicts: Sequence[Verdict],
    day: Day,
    *,
    not_listed: bool = False,
    awaited: bool = False,
) -> Condition:
    """Say what is known of a partition.

    not_listed
        No trade part is stored, and the caller knows that the symbol did not exist that day.
    halted
        No trade is stored, and the neighbours' ids follow each other: there was none.
    missing
        No trade part is stored otherwise, and the exchange was not found to be merely late.
    degraded
        An ERROR verdict on the trades or bars, hot or sealed, or on the day as a whole failed, or
        ids are missing.
    complete
        No fault, and both edges proven: joined by both neighbours, or every trade of the day
        counted by the exchange's klines.
    confirmed
        Complete, and the exchange's own data agree. Either the part of an archive file alone holds
        every id of the day: whatever else was recorded agrees with it or would be a conflict,
        and where nothing else was recorded the day is the exchange's published file itself, which
        the proven edges show to be whole. Or every kline of the day equals our bars in every
        field, or the exchange's own file of aggregates covers every id exactly, or trades,
        aggregates and klines agree in every bar. Where the venue's ids are no numbers, every kline
        of the day adds up to the volume and turnover of our trades; nothing less proves such a day.
    provisional
        No fault, but an edge is unproven, or all of it where ids are no numbers, or nothing is
        stored and the exchange has not published the day yet.

    Args:
        verdicts: Of every asset of the partition, by whichever checks were run.
        day: What they were judged from.
        not_listed: Whether the symbol is known not to have existed on the venue that day.
        awaited: Whether the exchange had not published the day when it was asked, soon after it.
    """
    if not day.trade_parts:
        if not_listed:
            return Condition.NOT_LISTED
        if _ids_prove_no_trade(day):
            return Condition.HALTED
        return Condition.PROVISIONAL if awaited else Condition.MISSING
    faults = any(verdict.is_fault and verdict.asset in _TRADES for verdict in verdicts)
    summary = day.trades_summary
    if faults or summary is None or summary.missing:
        return Condition.DEGRADED
    return _faultless(verdicts, day, summary)


def _faultless(verdicts: Sequence[Verdict], day: Day, summary: Manifest) -> Condition:
    """Say how far a day without a fault is proven."""
    if day.numbering is Numbering.OPAQUE:
        if not _proves(verdicts, "klines_measure_every_trade", "whole_day"):
            return Condition.PROVISIONAL
        return Condition.CONFIRMED if summary.rows else Condition.HALTED
    if summary.rows == 0 and _ids_prove_no_trade(day):
        return Condition.HALTED
    proven = _proves(verdicts, "day_edges_join") or _proves(verdicts, "klines_count_every_trade")
    if not proven:
        return Condition.PROVISIONAL
    confirmed = _is_published(summary.coverage, day.trade_parts) or any(
        _proves(verdicts, check, *said) for check, said in _CONFIRMS.items()
    )
    return Condition.CONFIRMED if confirmed else Condition.COMPLETE


def _ids_prove_no_trade(day: Day) -> bool:
    return (
        day.previous is not None
        and day.next is not None
        and day.previous.last_id + 1 == day.next.first_id
    )


def _proves(verdicts: Sequence[Verdict], check: str, *said: str) -> bool:
    """Whether a check was really made and passed, and its evidence says all that is asked."""
    return any(
        verdict.check == check
        and verdict.passed
        and verdict.evidence.get("checked", True)
        and all(verdict.evidence.get(fact) is True for fact in said)
        for verdict in verdicts
    )


def _is_published(ids: Coverage, parts: Sequence[Manifest]) -> bool:
    """Whether one part that came from the exchange's archive alone holds all ids."""
    return any(
        part.inputs
        and all(entry.source in PUBLISHED and entry.checksum != "mismatch" for entry in part.inputs)
        and len(ids) > 0
        and not len(ids - part.coverage)
        for part in parts
    )
