"""B1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "every_second_has_one_bar"


@pytest.mark.parametrize("asset", ["bars_1s", "daily_bars"])
def test_a_whole_day_passes(make: Make, asset: str) -> None:
    assert make.judge(asset, NAME, make.day(make.trades())).passed
    assert make.judge(asset, NAME, make.day(make.trades([]))).passed


@pytest.mark.parametrize("fault", ["missing", "doubled", "shifted", "disordered", "none"])
def test_any_other_86400_rows_fail(make: Make, fault: str) -> None:
    bars = make.bars(make.trades())
    changed = {
        "missing": pl.concat([bars.head(500), bars.slice(501)]),
        "doubled": pl.concat([bars.head(500), bars.slice(499, 1), bars.slice(501)]),
        "shifted": bars.with_columns(pl.col("ts_open").dt.offset_by("1s")),
        "disordered": pl.concat([bars.slice(1, 1), bars.head(1), bars.slice(2)]),
        "none": bars.head(0),
    }[fault]
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=changed.lazy()))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["rows"] == changed.height
    if fault == "doubled":
        assert verdict.evidence["uneven"] == 2
