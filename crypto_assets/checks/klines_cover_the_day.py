"""K1: each stored interval has one kline for every interval of the day."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.klines_count_every_trade import expected_bars
from crypto_assets.checks.tiling import faults_of
from crypto_assets.model.interval import Interval
from crypto_assets.model.verdict import Severity

_KNOWN = {interval.value: interval for interval in Interval}
_OPEN = pl.col("ts_open").to_physical()


def _aligned(day: Day, interval: Interval) -> pl.Expr:
    """Whether a kline opens on the day and on a multiple of its interval."""
    start, end = day.partition.start_us, day.partition.end_us
    return _OPEN.is_between(start, end, closed="left") & (_OPEN % interval.microseconds == 0)


def _judge(day: Day, measured: Measured) -> Finding:
    if day.klines is None:
        return Finding.cannot_judge("no klines are stored")
    names: list[str] = measured["intervals"]
    found: dict[str, dict[str, int]] = {}
    for name in sorted(set(names) & _KNOWN.keys()):
        interval = _KNOWN[name]
        good = _OPEN.filter(_aligned(day, interval))
        rows, distinct, aligned, first = (
            day.klines.filter(pl.col("interval") == name)
            .select(rows=pl.len(), distinct=good.n_unique(), aligned=good.len(), first=good.min())
            .collect()
            .row(0)
        )
        found[name] = {
            "expected": expected_bars(day, interval, first or day.partition.start_us),
            "covered": distinct,
            "doubled": aligned - distinct,
            "misplaced": rows - aligned,
        }
    unknown = sorted(set(names) - _KNOWN.keys())
    evidence = {"intervals": found, "unknown": unknown}
    faults = faults_of(found)
    if unknown:
        faults.append(f"unknown intervals {', '.join(unknown)}")
    if not names:
        faults.append("there is no kline")
    if faults:
        return Finding.fails("; ".join(faults), evidence)
    return Finding.passes(f"klines of {', '.join(found)} cover the day", evidence)


CHECK = Check(
    code="K1",
    assets=("klines",),
    says="Each stored interval has one kline for every interval of the day.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
    measures={"intervals": pl.col("interval").unique().implode()},
)
