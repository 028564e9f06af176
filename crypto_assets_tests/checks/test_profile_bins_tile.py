"""V2."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "profile_bins_tile"
FIRST_ROW = pl.int_range(pl.len()) == 0


def reprofiled(day: Day, **columns: pl.Expr) -> Day:
    assert day.profile is not None
    return replace(day, profile=day.profile.with_columns(**columns))


def test_good_rows_pass_and_lacking_ones_do_not(make: Make) -> None:
    verdict = make.judge("volume_profile", NAME, make.derived())
    assert verdict.passed, verdict
    assert not make.judge("volume_profile", NAME, Day(partition=make.partition)).passed


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("price_to", pl.col("price_to") + Decimal("0.05"), "equally wide"),
        ("is_point_of_control", pl.lit(True), "point of control"),
        ("is_point_of_control", pl.lit(False), "point of control"),
        ("is_value_area", pl.lit(False), "value area"),
    ],
)
def test_bins_that_do_not_tile_are_told(
    make: Make,
    column: str,
    value: pl.Expr,
    told: str,
) -> None:
    first = column == "price_to"
    bad = pl.when(FIRST_ROW).then(value).otherwise(column) if first else value
    day = reprofiled(make.derived(), **{column: bad})
    verdict = make.judge("volume_profile", NAME, day)
    assert not verdict.passed
    assert told in verdict.message


def test_bins_off_their_grid_or_out_of_order_are_told(make: Make) -> None:
    day = make.derived()
    off = Decimal("0.03")
    moved = reprofiled(
        day, price_from=pl.col("price_from") + off, price_to=pl.col("price_to") + off
    )
    verdict = make.judge("volume_profile", NAME, moved)
    assert "multiples of their width" in verdict.message
    assert day.profile is not None
    reverse = replace(day, profile=day.profile.reverse())
    assert "follow" in make.judge("volume_profile", NAME, reverse).message
