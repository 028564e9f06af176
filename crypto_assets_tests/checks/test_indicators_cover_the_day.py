"""I1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.checks.day import Day

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "indicators_cover_the_day"


def test_good_rows_pass_and_lacking_ones_do_not(make: Make) -> None:
    verdict = make.judge("indicators", NAME, make.derived())
    assert verdict.passed, verdict
    assert not make.judge("indicators", NAME, Day(partition=make.partition)).passed


def test_a_lacking_doubled_or_unknown_row_is_told(make: Make) -> None:
    day = make.derived()
    assert day.indicators is not None
    rows = day.indicators.collect()
    for bad in (
        rows.slice(1),
        pl.concat([rows.head(1), rows]),
        rows.reverse(),
        rows.filter(pl.col("interval") != "1h"),
        pl.concat([rows, rows.head(1).with_columns(interval=pl.lit("7m"))]),
    ):
        verdict = make.judge(
            "indicators",
            NAME,
            replace(day, indicators=bad.lazy()),
        )
        assert not verdict.passed
