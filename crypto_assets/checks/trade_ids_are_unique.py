"""T1: each trade is there once, by its id and, at a venue without numbers, its name.

The frame ascends by id, so ids that rise from row to row are unique: a difference costs a
thirtieth of counting distinct values. Only when they do not rise are the distinct ids counted.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day

_SHOWN = 20
_ID = pl.col("trade_id")
_NAME = pl.col("match_id")
_RISES = (_NAME.shift() < _NAME).fill_null(value=False)


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    if not measured["not_rising"] and not measured["nulls"]:
        return Finding.passes(f"all {measured['rows']:,} trade ids are different")
    doubled = (
        day.trades.group_by("trade_id", "match_id")
        .len()
        .filter(pl.col("len") > 1)
        .select(
            ids=pl.len(), surplus=(pl.col("len") - 1).sum(), shown=_ID.bottom_k(_SHOWN).implode()
        )
        .collect()
        .row(0, named=True)
    )
    evidence = {
        "rows": measured["rows"],
        "doubled_ids": doubled["ids"],
        "surplus_rows": doubled["surplus"],
        "first": sorted(doubled["shown"], key=lambda trade_id: (trade_id is not None, trade_id)),
        "not_rising": measured["not_rising"],
        "without_id": measured["nulls"],
    }
    if doubled["ids"]:
        return Finding.fails(f"{doubled['ids']:,} trade ids are there more than once", evidence)
    return Finding.fails("the trades do not ascend by trade id", evidence)


CHECK = Check(
    code="T1",
    assets=("raw_trades",),
    says="Each trade id is there once.",
    judge=_judge,
    measures={
        "rows": pl.len(),
        "not_rising": ((_ID.diff() < 0) | ((_ID.diff() == 0) & ~_RISES)).sum(),
        "nulls": _ID.null_count(),
    },
)
