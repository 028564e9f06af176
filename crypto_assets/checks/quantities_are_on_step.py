"""T7c: every quantity is a multiple of the step size of that day."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.multiples import off_step
from crypto_assets.model.verdict import Severity

_SHOWN = 20


def _judge(day: Day, _measured: Measured) -> Finding:
    step = day.rules.step_size
    if step is None:
        return Finding.not_checked("the step size of that day is not known")
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    off = off_step("quantity", step)
    found = (
        day.trades.select(
            count=off.sum(),
            first=pl.col("trade_id").filter(off).head(_SHOWN).implode(),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    if not found["count"]:
        return Finding.passes(f"every quantity is a multiple of {step:f}", {"step": f"{step:f}"})
    return Finding.fails(
        f"{found['count']:,} quantities are not a multiple of {step:f}",
        {"count": found["count"], "first": found["first"], "step": f"{step:f}"},
    )


CHECK = Check(
    code="T7c",
    assets=("raw_trades",),
    says="Every quantity is a multiple of the step size of that day.",
    judge=_judge,
    severity=Severity.WARN,
    blocks=Blocks.NOTHING,
)
