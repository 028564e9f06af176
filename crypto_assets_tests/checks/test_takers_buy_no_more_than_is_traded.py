"""B6."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.model.tables import QUANTITY
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "takers_buy_no_more_than_is_traded"


@pytest.mark.parametrize("asset", ["bars_1s", "daily_bars"])
def test_parts_of_the_volume_pass(make: Make, asset: str) -> None:
    assert make.judge(asset, NAME, make.day(make.trades())).passed
    assert make.judge(asset, NAME, make.day(make.trades([]))).passed


@pytest.mark.parametrize("value", ["9999", "-0.00000001", None])
@pytest.mark.parametrize("column", ["taker_buy_volume", "taker_buy_quote_volume"])
def test_more_than_all_less_than_nothing_and_null_fail(
    make: Make,
    column: str,
    value: str | None,
) -> None:
    changed = pl.lit(None if value is None else Decimal(value), QUANTITY)
    bars = make.bars(make.trades()).with_columns(
        pl.when(pl.col("trade_count") > 0).then(changed).otherwise(column).alias(column),
    )
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    outside = verdict.evidence["outside"]
    assert isinstance(outside, dict)
    assert outside[column] == 4
