"""V1: the bins' volumes and trades add up to those of the day's bars, to the last decimal."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day

_SUMS = {
    name: pl.col(name).to_physical().sum() for name in ("volume", "taker_buy_volume", "trade_count")
}


def _judge(day: Day, measured: Measured) -> Finding:
    if day.bars is None:
        return Finding.cannot_judge("no bars are stored to hold it against")
    bars = day.bars.select(**_SUMS).collect(engine="streaming").row(0, named=True)
    differ = {
        name: {"profile": str(measured[name]), "bars": str(bars[name])}
        for name in _SUMS
        if measured[name] != bars[name]
    }
    if differ:
        return Finding.fails(f"profile and bars differ in {', '.join(differ)}", {"differ": differ})
    return Finding.passes(f"the bins hold all of {bars['trade_count']:,} trades")


CHECK = Check(
    code="V1",
    assets=("volume_profile",),
    says="The bins' volumes and trades add up to those of the day's bars, to the last decimal.",
    judge=_judge,
    blocks=Blocks.NOTHING,
    measures=_SUMS,
)
