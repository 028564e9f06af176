"""O1: each stored interval has one bar for every interval of the day that was finished.

Exchanges have holes: where nothing was traded, while they were down, before a listing. They are
named, and nobody is kept from using the rest.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.tiling import faults_of
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import length_of
from crypto_assets.model.verdict import Severity

_SHOWN = 20
_OPEN = pl.col("ts_open").to_physical()


def _missing(day: Day, bars: pl.LazyFrame, interval: str) -> dict[str, object]:
    length, start = length_of(interval), day.partition.start_us
    expected = (day.ohlcv_until[interval] - start) // length
    opens = bars.filter(pl.col("interval") == interval).select(at=_OPEN - start).collect()["at"]
    good = opens.filter((opens % length == 0) & opens.is_between(0, expected * length - 1))
    covered = Coverage.of_ids((good // length).cast(pl.Int64))
    missing = Coverage.of([(0, expected - 1)] if expected else []) - covered
    return {
        "expected": expected,
        "covered": len(covered),
        "doubled": len(good) - len(covered),
        "misplaced": len(opens) - len(good),
        "missing_us": [
            [start + first * length, start + last * length]
            for first, last in missing.ranges[:_SHOWN]
        ],
    }


def _judge(day: Day, measured: Measured) -> Finding:
    if day.ohlcv is None:
        return Finding.cannot_judge("no bars are stored")
    names: list[str] = sorted(measured["intervals"])
    if not names:
        return Finding.fails("there is no bar")
    unknown = [name for name in names if name not in day.ohlcv_until]
    if unknown:
        return Finding.cannot_judge(f"until when {', '.join(unknown)} is finished")
    found = {name: _missing(day, day.ohlcv, name) for name in names}
    faults = faults_of(found)
    if faults:
        return Finding.fails("; ".join(faults), {"intervals": found})
    whole = all(day.ohlcv_until[name] == day.partition.end_us for name in names)
    told = "the day" if whole else "the day so far"
    return Finding.passes(f"bars of {', '.join(names)} cover {told}", {"intervals": found})


CHECK = Check(
    code="O1",
    assets=("ohlcv",),
    says="Each stored interval has one bar for every interval of the day that was finished.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
    measures={"intervals": pl.col("interval").unique().implode()},
)
