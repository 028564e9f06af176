"""The gap ledger of a day: brought up to date after every ingest, and with every try to heal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl

from crypto_assets.errors import NothingStored, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.draft import Draft, readable
from crypto_assets.lake.inputs import Inputs, Record
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import PRECEDENCE, Part
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.gap import Cause, Gap, GapState
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import GAPS, TIME
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.ingest import input_id
from crypto_assets.transforms import ledger

LOOK_BACK_DAYS = 7
"""A collector that was away for longer than this left days missing, not a gap."""
_WHYS = 5


def read(lake: Lake, partition: Partition) -> list[Gap]:
    """Read a day's gaps, ascending by id; none where the day never lacked any.

    Raises:
        UnreadableInput: the ledger is damaged.
    """
    try:
        with readable(f"gaps of {partition}"):
            rows = lake.scan("gaps", partition).with_columns(pl.col(TIME).to_physical()).collect()
    except NothingStored:
        return []
    return [
        Gap(
            ids=(row["first_trade_id"], row["last_trade_id"]),
            state=GapState(row["state"]),
            cause=Cause(row["cause"]),
            before_us=row["ts_before"],
            after_us=row["ts_after"],
            found_us=row["ts_found"],
            tried_us=row["ts_tried"],
            closed_us=row["ts_closed"],
            tries=row["tries"],
            source=row["source"],
            evidence=json.loads(row["evidence"]),
        )
        for row in rows.iter_rows(named=True)
    ]


def missing_of(lake: Lake, partition: Partition) -> Coverage:
    """The ids a day is known to lack, by what is stored and judged.

    They are its holes, what klines or aggregates prove to exist besides, and what lies between
    the last id known before the day and its own first.
    """
    return _own(lake, partition) | _before(lake, partition)


def _own(lake: Lake, partition: Partition) -> Coverage:
    trades = lake.summary("raw_trades", partition) or lake.manifest("daily_trades", partition)
    judged = verdicts.read(lake, partition)
    proven = verdicts.proven_missing(judged.verdicts if judged else ())
    # They may have been judged before what was missing came in.
    return (Coverage.of(trades.missing) | proven) - trades.coverage if trades else proven


def _before(lake: Lake, partition: Partition) -> Coverage:
    first = lake.coverage(partition).first
    earlier = _day_before(lake, partition) if first is not None else None
    if first is None or earlier is None:
        return Coverage()
    last = lake.coverage(earlier).last
    if last is None or last + 1 >= first:
        return Coverage()
    # What the earlier day is known to lack after its last trade is in its own ledger.
    return Coverage.of([(last + 1, first - 1)]) - _own(lake, earlier)


def _day_before(lake: Lake, partition: Partition) -> Partition | None:
    """The last day before with a trade, as far back as a gap may reach."""
    day = partition
    for _ in range(LOOK_BACK_DAYS):
        day = day.previous
        if lake.coverage(day).last is not None:
            return day
    return None


def refresh(lake: Lake, partition: Partition, now_us: int) -> list[Gap]:
    """Bring a day's ledger up to date with what is stored; writes only where it changes.

    Ids that were never missing make no ledger. A damaged one is begun anew.

    Raises:
        UnreadableInput: the trades themselves cannot be read.
    """
    with atomic.locked(lake.layout.directory("gaps", partition)):
        known: list[Gap] = []
        with contextlib.suppress(UnreadableInput):
            known = read(lake, partition)
        missing = missing_of(lake, partition)
        around = _Surroundings(lake, partition)
        new = missing - Coverage.of(gap.ids for gap in known if gap.state.is_missing)
        explained = around.explained(new.ranges, now_us)
        found = ledger.reconcile(known, missing, explained, around.source_of, now_us)
        return _keep(lake, partition, known, found)


def refresh_days(lake: Lake, days: Iterable[Partition], now_us: int) -> None:
    """Bring the ledgers of days up to date, and those of later days that may lack the same ids.

    Raises:
        UnreadableInput: the trades of one cannot be read.
    """
    wanted = set(days)
    for day in tuple(wanted):
        later = day
        for _ in range(LOOK_BACK_DAYS):
            later = later.next
            if lake.layout.files("gaps", later):
                wanted.add(later)
    for day in sorted(wanted):
        refresh(lake, day, now_us)


def open_days(lake: Lake, now_us: int) -> dict[Partition, int]:
    """Count the ids to be asked for now by day, of the days that have any.

    Ids that were asked for in vain are left alone for a minute, then two, then four.
    """
    found: dict[Partition, int] = {}
    for day in lake.layout.partitions("gaps"):
        count = sum(gap.count for gap in read(lake, day) if gap.is_due(now_us))
        if count:
            found[day] = count
    return found


def note_tries(
    lake: Lake,
    partition: Partition,
    asked: Coverage,
    denied: Coverage,
    evidence: dict[str, object],
    now_us: int,
) -> list[Gap]:
    """Keep it in the ledger that missing ids were asked for and not given."""
    with atomic.locked(lake.layout.directory("gaps", partition)):
        known = read(lake, partition)
        found = ledger.tried(known, asked, denied, evidence, now_us)
        return _keep(lake, partition, known, found)


def _keep(lake: Lake, partition: Partition, known: list[Gap], found: list[Gap]) -> list[Gap]:
    if found != known:
        lake.commit("gaps", partition, Draft(rows=[_frame(found)]))
    return found


def _frame(gaps: Iterable[Gap]) -> pl.DataFrame:
    rows = [
        {
            "first_trade_id": gap.ids[0],
            "last_trade_id": gap.ids[1],
            "count": gap.count,
            "state": gap.state.value,
            "cause": gap.cause.value,
            "ts_before": gap.before_us,
            "ts_after": gap.after_us,
            "ts_found": gap.found_us,
            "ts_tried": gap.tried_us,
            "ts_closed": gap.closed_us,
            "tries": gap.tries,
            "source": gap.source,
            "evidence": json.dumps(dict(gap.evidence), ensure_ascii=False),
        }
        for gap in gaps
    ]
    physical = {name: pl.Int64() if kind == TIME else kind for name, kind in GAPS.schema.items()}
    return pl.DataFrame(rows, schema=physical).cast(GAPS.schema)


class _Surroundings:
    """What lies around the missing ids of a day, read once for all of them."""

    def __init__(self, lake: Lake, partition: Partition) -> None:
        self._lake = lake
        self._partition = partition

    def source_of(self, ids: Range) -> str:
        """Name where ids that are here came from, the most trusted source of each."""
        left, found, day = Coverage.of([ids]), set[str](), self._partition
        for _ in range(LOOK_BACK_DAYS + 1):
            for part in self._parts(day):
                if len(left & part.manifest.coverage):
                    found |= {entry.source for entry in part.manifest.inputs}
                    left -= part.manifest.coverage
            if not len(left):
                break
            day = day.previous
        return "+".join(sorted(found, key=PRECEDENCE.index))

    def _parts(self, day: Partition) -> list[Part]:
        return self._lake.parts("raw_trades", day) or self._lake.parts("daily_trades", day)

    def explained(self, ranges: Sequence[Range], now_us: int) -> Callable[[Range], Gap]:
        """Read when the trades around ranges were matched; give what makes a gap of each."""
        before = _day_before(self._lake, self._partition) if ranges else None
        days = [self._partition] if before is None else [before, self._partition]
        parts = [part for day in days for part in self._parts(day)] if ranges else []
        times = self._times(ranges, days)

        def explain(ids: Range) -> Gap:
            low, high = ids
            span = (
                times.get(low - 1, self._partition.start_us),
                times.get(high + 1, self._partition.end_us),
            )
            near = [part for part in parts if _touches(part, span)]
            recorded = Coverage.of(span for part in near for span in part.manifest.recorded)
            sources = {entry.source for part in near for entry in part.manifest.inputs}
            records = [record for record in self._records(near) if _heard(record, span)]
            unreadable = sum(record.unreadable for record in records)
            cause, deaf = ledger.cause_of(span, recorded.ranges, sources, unreadable=unreadable > 0)
            evidence: dict[str, object] = {}
            if deaf:
                evidence["nobody_listened_us"] = [list(one) for one in deaf]
            if whys := _whys(records, span):
                evidence["interruptions"] = whys
            if cause is Cause.UNREADABLE:
                evidence["unreadable_lines"] = unreadable
            return Gap(
                ids=ids,
                state=GapState.OPEN,
                cause=cause,
                before_us=span[0],
                after_us=span[1],
                found_us=now_us,
                evidence=evidence,
            )

        return explain

    def _times(self, ranges: Sequence[Range], days: Sequence[Partition]) -> dict[int, int]:
        """When the trades next to ranges were matched, by id, as far as they are stored."""
        wanted = sorted({trade_id for low, high in ranges for trade_id in (low - 1, high + 1)})
        if not wanted:
            return {}
        found: dict[int, int] = {}
        for day in days:
            asset = "raw_trades" if self._lake.layout.files("raw_trades", day) else "daily_trades"
            trades = self._lake.scan(asset, day).filter(pl.col("trade_id").is_in(wanted))
            with readable(f"{asset} of {day}"):
                rows = trades.select("trade_id", pl.col("ts_event").to_physical()).collect()
            found.update(rows.iter_rows())
        return found

    def _records(self, parts: Sequence[Part]) -> Iterator[Record]:
        """What is known of the inputs that parts were made of, one or many each."""
        inputs = Inputs(self._lake.layout, self._partition.instrument.venue)
        for part in parts:
            for entry in part.manifest.inputs:
                record = inputs.find(input_id(self._partition.instrument.venue, entry))
                if record is not None:
                    yield record


def _heard(record: Record, span: Range) -> bool:
    """Whether an input was received between two instants, as far as it says when it was."""
    if record.heard_us is None:
        return True
    return record.heard_us[0] <= span[1] and span[0] <= record.heard_us[1]


def _whys(records: Sequence[Record], span: Range) -> list[str]:
    """What the collectors said of their connections between two trades."""
    found = [
        one.why
        for record in records
        for one in record.interruptions
        if span[0] <= one.from_us - (record.clock_offset_us or 0) <= span[1]
    ]
    return found[:_WHYS]


def _touches(part: Part, span: Range) -> bool:
    """Whether a part has trades, or was recorded, between two instants or at them."""
    found = part.manifest
    spans = list(found.recorded)
    if found.first_us is not None and found.last_us is not None:
        spans.append((found.first_us, found.last_us))
    return any(low <= span[1] and span[0] <= high for low, high in spans)
