"""T2: from the first trade id to the last, none is missing.

Judged twice, from the rows themselves and from what the merged parts declare; both must agree.
A day without trades has no hole; whether it lacks trades is for :mod:`day_edges_join`.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import UNNUMBERED, Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.numbering import Numbering

_SHOWN = 1_000
_ID = pl.col("trade_id")


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None or day.trades_summary is None:
        return Finding.cannot_judge("no trades are stored, or no summary of them")
    declared = day.trades_summary
    rows, first, last = measured["rows"], measured["first"], measured["last"]
    span = 0 if first is None else last - first + 1
    if day.numbering is Numbering.OPAQUE or (rows == span and not measured["breaks"]):
        missing: tuple[tuple[int, int], ...] = ()
    else:
        ids = day.trades.select("trade_id").collect().get_column("trade_id").drop_nulls()
        missing = Coverage.of_ids(ids).missing
    count = sum(high - low + 1 for low, high in missing)
    evidence: dict[str, object] = {
        "rows": rows,
        "first_id": first,
        "last_id": last,
        "missing_count": count,
        "missing_ranges": len(missing),
        "missing": [list(found) for found in missing[:_SHOWN]],
    }
    if (declared.rows, declared.first_id, declared.last_id, declared.missing) != (
        rows,
        first,
        last,
        missing,
    ):
        evidence["declared"] = {
            "rows": declared.rows,
            "first_id": declared.first_id,
            "last_id": declared.last_id,
            "missing_ranges": len(declared.missing),
            "missing": [list(found) for found in declared.missing[:_SHOWN]],
        }
        return Finding.fails("the rows are not those that their summary declares", evidence)
    if day.numbering is Numbering.OPAQUE:
        return Finding.not_checked(UNNUMBERED)
    if missing:
        return Finding.fails(
            f"{count:,} trade ids are missing in {len(missing):,} ranges", evidence
        )
    if first is None:
        return Finding.passes("no trades, so no id between any two is missing", evidence)
    return Finding.passes(f"all {rows:,} ids from {first} to {last} are there", evidence)


CHECK = Check(
    code="T2",
    assets=("raw_trades",),
    says="From the first trade id to the last, none is missing.",
    judge=_judge,
    blocks=Blocks.SEALING,
    measures={
        "rows": pl.len(),
        "first": _ID.min(),
        "last": _ID.max(),
        "breaks": (_ID.diff() > 1).sum(),
    },
)
