"""P1: the exchange's klines add up to the volume and turnover of the trades we hold.

The proof of a day at a venue whose ids are no numbers: see :mod:`~crypto_assets.checks.measures`.
Klines of a part of the day prove that part; where they differ, trades of these bars are missing.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.measures import intervals_of, measured
from crypto_assets.model.interval import Interval
from crypto_assets.model.numbering import Numbering

_SHOWN = 20
_NAMED = 3


def _counted(pairs: pl.DataFrame, interval: Interval) -> dict[str, int | bool]:
    """Count what became of the klines of one interval."""
    lone = pairs["volume_theirs"].null_count()
    klines = pairs.height - lone
    equal = int(pairs["is_equal"].sum())
    return {
        "klines": klines,
        "equal": equal,
        "differ": klines - equal,
        "without_kline": lone,
        "whole_day": equal == pairs.height == interval.bars_per_day,
    }


def _shown(interval: Interval, pairs: pl.DataFrame) -> list[dict[str, object]]:
    # As text here: a time of a wrong unit is beyond what a Python datetime holds.
    rows = pairs.with_columns(pl.col("ts_open").dt.to_string("iso:strict"))
    return [
        {
            "interval": interval.value,
            "ts_open": row["ts_open"],
            "ours": {name: f"{row[name]:f}" for name in ("volume", "quote_volume")},
            "theirs": {name: f"{row[f'{name}_theirs']:f}" for name in ("volume", "quote_volume")},
        }
        for row in rows.head(_SHOWN).iter_rows(named=True)
    ]


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.numbering is Numbering.SEQUENCE:
        return Finding.not_checked("ids of this venue are numbered, which proves more")
    if day.klines is None:
        return Finding.not_checked("no klines of the day are stored, so nothing proves it whole")
    counts: dict[str, dict[str, int | bool]] = {}
    examples: list[dict[str, object]] = []
    start, end = day.partition.start_us, day.partition.end_us
    of_day = pl.col("ts_open").to_physical().is_between(start, end, closed="left")
    for interval in intervals_of(day.klines):
        pairs = measured(day.trades, day.klines, interval).filter(of_day)
        counts[interval.value] = _counted(pairs, interval)
        unequal = pairs.filter(~pl.col("is_equal"), pl.col("volume_theirs").is_not_null())
        examples += _shown(interval, unequal)
    if not counts:
        return Finding.not_checked("no klines of a known interval are stored")
    evidence = {
        "proof": "volume",
        "ids": day.numbering.value,
        "whole_day": any(found["whole_day"] for found in counts.values()),
        "intervals": counts,
        "differ": examples,
    }
    told = "; ".join(
        f"{found['equal']:,} of {found['klines']:,} {name} klines have our volume and turnover"
        for name, found in counts.items()
    )
    if not examples:
        return Finding.passes(told, evidence)
    named = ", ".join(str(one["ts_open"]) for one in examples[:_NAMED])
    return Finding.fails(f"{told}; trades are missing or too many at {named}", evidence)


CHECK = Check(
    code="P1",
    assets=("verdicts",),
    says="The exchange's klines add up to the volume and turnover of the trades we hold.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
