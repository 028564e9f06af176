"""B4: the id ranges of bars with trades follow each other and are as long as the bars' counts.

A hole at a bar that says it is incomplete is known and only counted. An overlap is never excused,
except that trades whose times run backwards put ids of one bar among those of another: then the
bars are right and cannot tile, and it is a warning.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import UNNUMBERED, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.verdict import Severity

_SHOWN = 20
_FULL = pl.col("trade_count") > 0
_FIRST = pl.col("first_trade_id")
_LAST = pl.col("last_trade_id")
_BEFORE = _LAST.shift(1)
_COMPLETE = pl.col("is_complete")
_LONG = _LAST - _FIRST + 1

_COUNT = pl.col("trade_count")
_HOLE = _FIRST.gt(_BEFORE + 1) | _LONG.gt(_COUNT)
_OVERLAP = _FIRST.le(_BEFORE) | _LONG.lt(_COUNT)
_NULL = _FIRST.is_null() | _LAST.is_null()


def _judge(day: Day, measured: Measured) -> Finding:
    if day.bars is None:
        return Finding.cannot_judge("no bars are stored")
    if day.numbering is Numbering.OPAQUE:
        return Finding.not_checked(UNNUMBERED)
    bars = day.bars.filter(_FULL).select(
        "ts_open",
        "first_trade_id",
        "last_trade_id",
        hole=(_HOLE & _COMPLETE).fill_null(value=False),
        known=(_HOLE & ~_COMPLETE).fill_null(value=False),
        overlap=(_OVERLAP | _NULL).fill_null(value=False),
    )
    found = bars.select(pl.len(), pl.col("hole", "known", "overlap").sum()).collect()
    count = found.row(0, named=True)
    evidence: dict[str, object] = {
        "bars": count["len"],
        "holes": count["hole"],
        "known_holes": count["known"],
        "overlaps": count["overlap"],
        "ids_in_empty_bars": measured["ids_in_empty"],
    }
    if not count["hole"] and not count["overlap"] and not measured["ids_in_empty"]:
        known = f" but for {count['known']:,} known holes" if count["known"] else ""
        return Finding.passes(f"the ids of {count['len']:,} bars tile{known}", evidence)
    shown = bars.filter(pl.col("hole") | pl.col("overlap")).head(_SHOWN).collect()
    evidence["first"] = [
        {"ts_open_us": at, "ids": [first, last]}
        for at, first, last in shown.select(
            pl.col("ts_open").to_physical(), "first_trade_id", "last_trade_id"
        ).iter_rows()
    ]
    inversions = day.trades_summary.inversions if day.trades_summary is not None else 0
    evidence["inversions"] = inversions
    return Finding.fails(
        f"the ids of bars leave {count['hole']:,} holes and {count['overlap']:,} overlaps"
        + (f"; {inversions:,} trades run backwards in time" if inversions else ""),
        evidence,
        severity=Severity.WARN if inversions and not measured["ids_in_empty"] else None,
    )


CHECK = Check(
    code="B4",
    assets=("bars_1s", "daily_bars"),
    says="The id ranges of bars with trades follow each other and are as long as their counts.",
    judge=_judge,
    measures={"ids_in_empty": (~_FULL & ~(_FIRST.is_null() & _LAST.is_null())).sum()},
)
