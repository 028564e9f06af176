"""I2."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.checks.day import Day

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "indicators_are_null_where_bars_are"


def changed(day: Day, **columns: pl.Expr) -> Day:
    assert day.indicators is not None
    return replace(day, indicators=day.indicators.with_columns(**columns))


def test_good_rows_pass_and_lacking_ones_do_not(make: Make) -> None:
    verdict = make.judge("indicators", NAME, make.derived())
    assert verdict.passed, verdict
    assert not make.judge("indicators", NAME, Day(partition=make.partition)).passed


def test_a_value_across_a_gap_and_one_that_lacks_are_told(make: Make) -> None:
    day = make.derived()
    at_noon = pl.col("ts_open").dt.hour() == 12
    made_up = changed(day, rv_1s=pl.col("rv_1s").fill_null(0.0))
    # The first minute is excused from having one, not from having one across the gap.
    verdict = make.judge("indicators", NAME, made_up)
    assert not verdict.passed
    assert ["1m", make.start] in list(verdict.evidence["first"])  # type: ignore[call-overload]
    for column in ("close", "rv_1s"):
        lost = changed(day, **{column: pl.when(~at_noon).then(column)})
        verdict = make.judge("indicators", NAME, lost)
        assert not verdict.passed
        assert verdict.evidence["rows"] == 60 + 12 + 4 + 1
