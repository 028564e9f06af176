"""Claims about what was recorded live, each held against the lake before it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from crypto_assets.demo.proof import FIELDS, Claim, same
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.gap import Cause
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.status import status_of


def recorded(
    lake: Lake,
    issued: Mapping[Partition, Coverage],
    dropped: Mapping[Partition, Coverage],
    repeated: int,
    ends: Sequence[int],
) -> list[Claim]:
    """Claim that what a collector missed is known to the id, and why it was missed."""
    ledger = {day: gaps.read(lake, day) for day in issued}
    left_out = {
        day: Coverage.of(gap.ids for gap in found if gap.cause is Cause.NOT_DELIVERED)
        for day, found in ledger.items()
    }
    deaf = [gap for found in ledger.values() for gap in found if gap.cause is Cause.NOT_LISTENING]
    held = {day: lake.coverage(day) for day in issued}
    lost = sum(len(issued[day] - held[day]) for day in issued)
    told = sum(gap.count for found in ledger.values() for gap in found)
    twice = sum(status_of(lake, day).duplicates for day in issued)
    return [
        Claim(
            f"{len(ends)} collectors were asked to end and sealed what they had: "
            f"exit {', '.join(map(str, ends))}.",
            bool(ends) and not any(ends),
        ),
        Claim(
            f"The exchange issued {sum(map(len, issued.values())):,} trade ids; {lost:,} of them "
            f"were not recorded, and the gap ledger lists {told:,}.",
            lost == told > 0
            and all(
                Coverage.of(gap.ids for gap in ledger[day]) == issued[day] - held[day]
                for day in issued
            ),
        ),
        Claim(
            f"{sum(map(len, left_out.values())):,} it did not deliver though the connection was "
            f"open, {'exactly the' if left_out == dict(dropped) else 'not the'} ones it left out; "
            f"{sum(gap.count for gap in deaf):,} came while no connection was open.",
            left_out == dict(dropped) and len(deaf) > 0,
        ),
        Claim(f"{twice} trades came twice and count once.", twice == repeated),
    ]


def healed(
    lake: Lake,
    issued: Mapping[Partition, Coverage],
    fetched: int,
) -> list[Claim]:
    """Claim that every id the exchange issued is here once, and its own bars say the same."""
    days = {day: status_of(lake, day) for day in issued}
    rows = sum(day.rows for day in days.values())
    by_id = sum(day.sources.get("rest", 0) for day in days.values())
    whole = all(lake.coverage(day) == issued[day] for day in issued)
    bars = {day: _bars_equal(lake, day) for day in issued}
    return [
        Claim(
            f"{fetched:,} ids were fetched by id and not one more; every id the exchange issued is "
            f"here once: {rows:,} trades.",
            whole and fetched == by_id and rows == sum(map(len, issued.values())),
        ),
        Claim(
            f"{sum(bars.values()):,} one-second bars equal the exchange's own in every field, and "
            "each day is "
            + ", ".join(sorted({f"{day.condition} and sealed" for day in days.values()}))
            + ".",
            all(count == Interval.SECOND.bars_per_day for count in bars.values())
            and all(
                day.condition == Condition.CONFIRMED.value and day.is_sealed
                for day in days.values()
            ),
        ),
    ]


def _bars_equal(lake: Lake, partition: Partition) -> int:
    """Count the sealed seconds that equal the exchange's klines in every field."""
    if not all(lake.layout.files(asset, partition) for asset in ("klines", "daily_bars")):
        return 0
    theirs = lake.scan("klines", partition).filter(pl.col("interval") == Interval.SECOND.value)
    pairs = lake.scan("daily_bars", partition).join(theirs, on="ts_open", suffix="_theirs")
    alike = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_theirs")) for name in FIELDS)
    return int(pairs.filter(alike).select(pl.len()).collect().item())


def replayed(lake: Lake, imported: Lake, partition: Partition) -> Claim:
    """Claim that a day has the same trades through the live route as through an import."""
    return same("daily_trades", lake, imported, partition)
