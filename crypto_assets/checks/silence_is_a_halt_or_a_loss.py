"""T13: a long silence between two trades is a halt where their ids follow, a loss where not.

A silence is long when it exceeds both 60 s and 10 times the 99.9th percentile of the day's steps
from trade to trade. The factor keeps illiquid symbols, whose steps are minutes, from being listed
all day. A day of fewer than about 1,000 trades has its longest step near that percentile and so
lists next to nothing: its ids prove it complete without. Silence before the first and after the
last trade is for :mod:`day_edges_join`.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.verdict import Severity

_FLOOR_US = 60 * SECOND_US
_FACTOR = 10
_QUANTILE = 0.999
_SHOWN = 100
_STEP = pl.col("ts_event").to_physical().diff()


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    longest = measured["longest"] or 0
    if longest <= _FLOOR_US:
        return Finding.passes("no silence is longer than 60 s", {"longest_us": longest})
    steps = day.trades.select(
        "trade_id",
        until_us=pl.col("ts_event").to_physical(),
        step_us=_STEP,
        missing=pl.col("trade_id").diff() - 1,
    )
    usual = steps.select(pl.col("step_us").quantile(_QUANTILE, "higher")).collect().item()
    limit = max(_FLOOR_US, _FACTOR * int(usual))
    long = steps.filter(pl.col("step_us") > limit).collect()
    silences = [
        {
            "from_us": until - step,
            "until_us": until,
            "seconds": step // SECOND_US,
            "between_ids": [trade_id - missing - 1, trade_id],
            "missing": missing,
        }
        for trade_id, until, step, missing in long.iter_rows()
    ]
    losses = [silence for silence in silences if silence["missing"]]
    halts = [silence for silence in silences if not silence["missing"]]
    evidence = {
        "longest_us": longest,
        "limit_us": limit,
        "halt_count": len(halts),
        "halts": halts[:_SHOWN],
        "loss_count": len(losses),
        "losses": losses[:_SHOWN],
    }
    if losses:
        count = sum(silence["missing"] for silence in losses)
        return Finding.fails(
            f"{len(losses):,} silences above {limit // SECOND_US} s lost {count:,} trades",
            evidence,
        )
    if halts:
        return Finding.passes(
            f"{len(halts):,} silences above {limit // SECOND_US} s, each with no id missing",
            evidence,
            severity=Severity.INFO,
        )
    return Finding.passes(f"no silence is longer than {limit // SECOND_US} s", evidence)


CHECK = Check(
    code="T13",
    assets=("raw_trades",),
    says="No long silence hides missing trades.",
    judge=_judge,
    blocks=Blocks.SEALING,
    measures={"longest": _STEP.max()},
)
