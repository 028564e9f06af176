"""The steps of a day's proof in words: ids, edges, and what the exchange's own data say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crypto_assets.checks.day import Edge
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import Fact
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.edges import neighbour
from crypto_assets.pipeline.listings import is_first
from crypto_assets.pipeline.status import DayStatus
from crypto_assets.venues import venue

_AGREE: Mapping[str, str] = {
    "klines_count_every_trade": "Klines count the trades",
    "bars_equal_klines": "Bars equal klines",
    "klines_add_up_to_the_trades": "Klines add up to the trades",
    "klines_measure_every_trade": "Klines measure the volume",
    "aggregates_cover_the_trades": "Aggregate trades cover the ids",
    "three_sources_agree": "Three sources agree",
}
"""The checks that hold a day against what the exchange says of it elsewhere."""


def facts_of(
    lake: Lake,
    partition: Partition,
    day: DayStatus,
    checks: Sequence[Verdict],
) -> list[Fact]:
    """Tell the proof step by step, each with whether it holds; one a day has no data for does not.

    Raises:
        UnreadableInput: never of this day's own files; a neighbour's may be damaged.
    """
    is_opaque = venue(partition.instrument.venue).numbering is Numbering.OPAQUE
    found = [_opaque(day)] if is_opaque else list(_numbered(lake, partition, day))
    by_name = {check.check: check for check in checks if check.check in _AGREE}
    for name, title in _AGREE.items():
        check = by_name.get(name)
        # Where ids are numbered they prove more than volumes do.
        if check is not None and (is_opaque or name != "klines_measure_every_trade"):
            holds = check.passed if check.evidence.get("checked", True) else None
            found.append(Fact(title, check.message, holds))
    return found


def _opaque(day: DayStatus) -> Fact:
    says = (
        f"{day.rows:,} trades, named by ids that are not numbered: no id shows a loss, only "
        "volume and turnover held against the exchange's klines do"
    )
    return Fact("Trade ids", says, None)


def _numbered(lake: Lake, partition: Partition, day: DayStatus) -> Iterator[Fact]:
    first, last = day.first_trade_id, day.last_trade_id
    if first is None or last is None:
        yield Fact("Trade ids", "no trade is stored", None)
    else:
        count = last - first + 1
        sign = "=" if count == day.rows else "≠"
        yield Fact(
            "Ids are contiguous",
            f"last - first + 1 = {last} - {first} + 1 = {count:,} {sign} {day.rows:,} trades, "
            "each id counted once",
            count == day.rows,
        )
    missing = len(Coverage.of(day.missing))
    if first is not None or missing:
        ranges = "range" if len(day.missing) == 1 else "ranges"
        said = f"{missing:,} known to exist and not here, in {len(day.missing):,} {ranges}"
        yield Fact("Missing ids", said if missing else "none", not missing)
    before = neighbour(lake, partition.previous)
    after = neighbour(lake, partition.next)
    if first is None or last is None:
        yield _around(partition, before, after)
        return
    yield _left(lake, partition, before, first)
    yield _right(partition, after, last)


def _left(lake: Lake, partition: Partition, before: Edge | None, first: int) -> Fact:
    name = "Edge at 00:00"
    if before is not None:
        joins = before.last_id + 1 == first
        says = f"{partition.previous.date} ends with id {before.last_id}, the day begins with"
        return Fact(name, f"{says} {first}: {_joined((before.last_id, first))}", joins)
    if is_first(lake, partition):
        return Fact(name, f"the symbol's first day; it begins with id {first}", holds=True)
    says = f"of {partition.previous.date} no trade is stored; the day begins with id {first}"
    return Fact(name, says, None)


def _right(partition: Partition, after: Edge | None, last: int) -> Fact:
    name = "Edge at 24:00"
    if after is None:
        says = f"of {partition.next.date} no trade is stored; the day ends with id {last}"
        return Fact(name, says, None)
    joins = last + 1 == after.first_id
    says = f"{partition.next.date} begins with id {after.first_id}, the day ends with {last}"
    return Fact(name, f"{says}: {_joined((last, after.first_id))}", joins)


def _joined(ids: Range) -> str:
    """Say how an id follows another."""
    between = ids[1] - ids[0] - 1
    if between == 0:
        return "the very next"
    if between < 0:
        return f"{-between:,} ids on both sides"
    return f"{between:,} ids between them"


def _around(partition: Partition, before: Edge | None, after: Edge | None) -> Fact:
    """Say whether the ids around an empty day follow each other."""
    name = "Ids around the day"
    if before is None or after is None:
        return Fact(name, "the days before and after are not both stored", None)
    says = (
        f"{partition.previous.date} ends with id {before.last_id}, {partition.next.date} begins "
        f"with {after.first_id}: {_joined((before.last_id, after.first_id))}"
    )
    return Fact(name, says, before.last_id + 1 == after.first_id)
