"""I3: no computed value is infinite or not a number."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.tables import INDICATORS

_FLOATS = [name for name, dtype in INDICATORS.schema.items() if dtype.is_float()]


def _judge(day: Day, measured: Measured) -> Finding:  # noqa: ARG001 - every judge takes the same
    wrong = {name: measured[name] for name in _FLOATS if measured[name]}
    if wrong:
        return Finding.fails(f"{', '.join(wrong)} hold what is no finite number", {"rows": wrong})
    return Finding.passes("every value is a finite number or null")


CHECK = Check(
    code="I3",
    assets=("indicators",),
    says="No computed value is infinite or not a number.",
    judge=_judge,
    blocks=Blocks.NOTHING,
    measures={name: (~pl.col(name).is_finite()).sum() for name in _FLOATS},
)
