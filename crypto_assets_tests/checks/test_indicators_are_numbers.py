"""I3."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "indicators_are_numbers"
FIRST_ROW = pl.int_range(pl.len()) == 0


def changed(day: Day, **columns: pl.Expr) -> Day:
    assert day.indicators is not None
    return replace(day, indicators=day.indicators.with_columns(**columns))


def test_good_rows_pass_and_lacking_ones_do_not(make: Make) -> None:
    verdict = make.judge("indicators", NAME, make.derived())
    assert verdict.passed, verdict
    assert not make.judge("indicators", NAME, Day(partition=make.partition)).passed


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_told(make: Make, value: float) -> None:
    day = changed(make.derived(), ema_50=pl.when(FIRST_ROW).then(value).otherwise("ema_50"))
    verdict = make.judge("indicators", NAME, day)
    assert not verdict.passed
    assert verdict.evidence["rows"] == {"ema_50": 1}
