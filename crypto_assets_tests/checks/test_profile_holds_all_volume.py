"""V1."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "profile_holds_all_volume"
FIRST_ROW = pl.int_range(pl.len()) == 0


def reprofiled(day: Day, **columns: pl.Expr) -> Day:
    assert day.profile is not None
    return replace(day, profile=day.profile.with_columns(**columns))


def test_good_rows_pass_and_lacking_ones_do_not(make: Make) -> None:
    verdict = make.judge("volume_profile", NAME, make.derived())
    assert verdict.passed, verdict
    assert not make.judge("volume_profile", NAME, Day(partition=make.partition)).passed


@pytest.mark.parametrize("column", ["volume", "taker_buy_volume", "trade_count"])
def test_a_sum_that_differs_in_its_last_place_is_told(make: Make, column: str) -> None:
    step = 1 if column == "trade_count" else Decimal("0.00000001")
    dtype = pl.Int64() if column == "trade_count" else pl.Decimal(28, 8)
    more = pl.when(FIRST_ROW).then(pl.col(column) + step).otherwise(column).cast(dtype)
    verdict = make.judge(
        "volume_profile",
        NAME,
        reprofiled(make.derived(), **{column: more}),
    )
    assert not verdict.passed
    assert set(verdict.evidence["differ"]) == {column}  # type: ignore[call-overload]
