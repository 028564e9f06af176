"""B5."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.model.tables import PRICE
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "vwap_lies_between_low_and_high"
FULL = pl.col("trade_count") > 0


@pytest.mark.parametrize("asset", ["bars_1s", "daily_bars"])
def test_quotients_pass(make: Make, asset: str) -> None:
    trades = make.trades(range(7), us=[0, 1, 2, 3, 4, 2_000_000, 2_000_001])
    assert make.judge(asset, NAME, make.day(trades)).passed
    assert make.judge(asset, NAME, make.day(make.trades([]))).passed
    assert make.judge(asset, NAME, make.day(make.trades([5]))).passed


def test_a_quotient_that_rounding_puts_below_low_passes(make: Make) -> None:
    """0.00000123 x 0.1 is 0.00000012 in 8 decimals, and 0.00000012 / 0.1 is below the price."""
    trades = make.trades([1], prices=["0.00000123"], quantities=["0.1"])
    day = make.day(trades)
    assert day.bars is not None
    assert day.bars.filter(pl.col("vwap") < pl.col("low")).collect().height == 1
    assert make.judge("bars_1s", NAME, day).passed


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("not_the_quotient", (pl.col("vwap") + Decimal("0.00000001")).cast(PRICE).alias("vwap")),
        ("below_low", (pl.col("low") * 2).cast(PRICE).alias("low")),
        ("above_high", pl.lit(Decimal("0.1"), PRICE).alias("high")),
        ("null", pl.lit(None, PRICE).alias("vwap")),
    ],
)
def test_each_fault_fails(make: Make, fault: str, change: pl.Expr) -> None:
    name = change.meta.output_name()
    bars = make.bars(make.trades()).with_columns(
        pl.when(FULL).then(change).otherwise(name).alias(name)
    )
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence[fault] == 4
    first = verdict.evidence["first_us"]
    assert isinstance(first, list)
    assert first[0] == make.start


def test_a_vwap_of_no_trade_fails(make: Make) -> None:
    bars = make.bars(make.trades()).with_columns(pl.col("vwap").fill_null(Decimal(1)))
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert verdict.evidence["of_no_trade"] == 86_396
