"""Claims about a lake, each held against its rows before it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from crypto_assets.lake.draft import hash_of
from crypto_assets.lake.inputs import Record
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import KLINES
from crypto_assets.model.verdict import Condition, Verdict
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.status import DayStatus, status_of
from crypto_assets.transforms.rollup import roll_up

_PROVEN = (Condition.COMPLETE.value, Condition.CONFIRMED.value)
FIELDS = tuple(name for name in KLINES.schema if name not in KLINES.key)


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, and whether it is true of the lake."""

    says: str
    holds: bool


def whole_day(lake: Lake, partition: Partition, ids: Range) -> list[Claim]:
    """Claim that a day has exactly these trade ids, and that nothing can be missing of it."""
    first, last, rows, different = _extent(lake, partition)
    before, after = partition.previous, partition.next
    ends = _extent(lake, before)[1]
    begins = _extent(lake, after)[0]
    made = _judged(lake, partition)
    passed = sum(verdict.passed for verdict in made)
    condition = status_of(lake, partition).condition
    return [
        Claim(
            f"{before.date} ends with trade id {ends}; {partition.date} begins with {first}, "
            f"{_follows(ends, first)}.",
            first == ids[0] == _next(ends),
        ),
        Claim(
            f"From {first} to {last} there are {_count((first, last)):,} ids; the day has "
            f"{rows:,} trades with {different:,} different ids.",
            last == ids[1] and _count(ids) == rows == different,
        ),
        Claim(
            f"{after.date} begins with trade id {begins}, {_follows(last, begins)}.",
            begins == _next(last),
        ),
        Claim(
            f"{passed} of {len(made)} checks passed. The exchange numbers its trades one by one, "
            f"so nothing can be missing: the day is {condition}.",
            passed == len(made) > 0 and condition in _PROVEN,
        ),
    ]


def _extent(lake: Lake, partition: Partition) -> tuple[int, int, int, int]:
    """First and last trade id of a day, its rows and how many ids are different, as they lie."""
    trade_id = pl.col("trade_id")
    found = (
        lake.scan("raw_trades", partition)
        .select(first=trade_id.min(), last=trade_id.max(), rows=pl.len(), ids=trade_id.n_unique())
        .collect()
    )
    first, last, rows, ids = found.row(0)
    return first, last, rows, ids


def _next(trade_id: int) -> int:
    return trade_id + 1


def _follows(left: int, right: int) -> str:
    return "the very next" if right == _next(left) else f"not the next, {_next(left)}"


def _count(ids: Range) -> int:
    return ids[1] - ids[0] + 1


def parity(lake: Lake, partitions: Sequence[Partition], minutes: int) -> Claim:
    """Claim that all whole minutes of trades equal the exchange's own klines, field by field."""
    whole = pl.concat(
        [
            roll_up(lake.scan("bars_1s", partition), Interval.MINUTE)
            .filter("is_complete", pl.col("trade_count") > 0)
            .collect()
            for partition in partitions
        ],
    )
    if whole.is_empty():
        return Claim("No whole minute of trades is stored.", holds=False)
    klines = pl.concat([lake.scan("klines", partition) for partition in partitions]).collect()
    theirs = klines.filter(pl.col("interval") == Interval.MINUTE.value)
    pairs = whole.join(theirs, on="ts_open", how="left", suffix="_theirs")
    alike = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_theirs")) for name in FIELDS)
    equal = pairs.filter(alike).height
    opens = whole["ts_open"].dt.strftime("%Y-%m-%d %H:%M")
    return Claim(
        f"{equal} of {whole.height} whole minutes ({opens[0]} to {opens[-1]}) equal the "
        f"exchange's own klines in all {len(FIELDS)} fields, to the last decimal.",
        equal == whole.height == minutes,
    )


def lost(lake: Lake, partition: Partition, missing: Range) -> Claim:
    """Claim that the klines tell which ids of a day were not recorded, and that the day says so."""
    counts = (v for v in _judged(lake, partition) if v.check == "klines_count_every_trade")
    evidence = next((verdict.evidence for verdict in counts), {})
    counted, held = evidence.get("counted"), evidence.get("held")
    if not isinstance(counted, int) or not isinstance(held, int):
        return Claim(f"{partition.date}: the klines' trades were not counted.", holds=False)
    day = status_of(lake, partition)
    comes_first = day.first_trade_id is not None and missing[1] < day.first_trade_id
    side = "before the recording begins" if comes_first else "after the recording ends"
    return Claim(
        f"{partition.date}: the exchange's klines count {counted:,} trades, {held:,} were "
        f"recorded. The other {counted - held:,}, ids {missing[0]} to {missing[1]}, were traded "
        f"{side}: the day is {_sealed(day)}.",
        evidence.get("missing") == [list(missing)]
        and counted - held == _count(missing)
        and _is_held_back(day),
    )


def _judged(lake: Lake, partition: Partition) -> tuple[Verdict, ...]:
    """Give the verdicts on a day that were really made."""
    found = verdicts.read(lake, partition)
    every = found.verdicts if found else ()
    return tuple(verdict for verdict in every if verdict.evidence.get("checked", True))


def _sealed(day: DayStatus) -> str:
    return f"{day.condition} and {'sealed' if day.is_sealed else 'not sealed'}"


def _is_held_back(day: DayStatus) -> bool:
    return day.condition == Condition.DEGRADED.value and not day.is_sealed


def known_missing(lake: Lake, partition: Partition) -> int:
    """Count the trades known to be missing: by holes in the ids, or by the exchange's klines."""
    counts = (verdict.evidence.get("missing_count") for verdict in _judged(lake, partition))
    return max((count for count in counts if isinstance(count, int)), default=0)


def broken(
    lake: Lake, partition: Partition, damaged: Sequence[Range], repeated: int
) -> list[Claim]:
    """Claim that exactly the ids that were taken out are found missing, and nothing is sealed."""
    day = status_of(lake, partition)
    exactly = tuple(day.missing) == tuple(damaged)
    count = len(Coverage.of(day.missing))
    return [
        Claim(f"The day is {_sealed(day)}.", _is_held_back(day)),
        Claim(
            f"{count} trade ids are missing, in {len(day.missing)} ranges: "
            + ", ".join(_told(found) for found in day.missing)
            + (
                ": exactly the ones that were taken out." if exactly else "; others were taken out."
            ),
            exactly,
        ),
        Claim(
            f"{day.duplicates} trades were there twice and count once.",
            day.duplicates == repeated,
        ),
    ]


def _told(ids: Range) -> str:
    return str(ids[0]) if ids[0] == ids[1] else f"{ids[0]} to {ids[1]}"


def torn(record: Record) -> Claim:
    """Claim that the tear of a file was seen."""
    return Claim(
        f"The tear was seen: {record.torn or 'no'}; what could not be read is kept aside.",
        record.torn is not None and record.unreadable > 0,
    )


def healed(lake: Lake, untouched: Lake, partition: Partition) -> list[Claim]:
    """Claim that a day is whole again and has the same values as in a lake never damaged."""
    day = status_of(lake, partition)
    return [
        Claim(
            f"The day is {day.condition}, {day.rows:,} trades, "
            f"{len(Coverage.of(day.missing))} missing.",
            day.condition in _PROVEN and not day.missing,
        ),
        *(same(asset, lake, untouched, partition) for asset in ("daily_trades", "daily_bars")),
    ]


def same(asset: str, lake: Lake, untouched: Lake, partition: Partition) -> Claim:
    """Claim that a sealed file holds the same values in two lakes, hashed anew from the files."""
    hashes = [
        hash_of(found.layout.file(asset, partition), ASSETS[asset].table)
        if found.manifest(asset, partition)
        else "no file"
        for found in (untouched, lake)
    ]
    if hashes[0] != hashes[1]:
        says = f"{asset} differs: logical hash {hashes[0]} there, {hashes[1]} here."
        return Claim(says, holds=False)
    return Claim(
        f"{asset} has the same logical hash as from the untouched recording: {hashes[0]}.",
        hashes[0] != "no file",
    )
