"""B2."""

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

NAME = "bar_prices_are_ordered"
PRICES = ("open", "high", "low", "close")
SECOND = (pl.col("ts_open") - pl.col("ts_open").min()).dt.total_seconds()


def test_bars_pass_with_quiet_seconds_before_the_first_trade(make: Make) -> None:
    """Bars of trades at 00:00:05, :07 and :07."""
    trades = make.trades([1, 2, 3], us=[5_000_000, 7_000_000, 7_500_000])
    assert make.judge("bars_1s", NAME, make.day(trades)).passed
    assert make.judge("daily_bars", NAME, make.day(make.trades([]))).passed
    assert make.judge("bars_1s", NAME, make.day(make.trades([5]))).passed


def test_seconds_that_may_lack_trades_have_no_price(make: Make) -> None:
    trades = make.trades([1, 9], us=[5_000_000, 9_000_000])
    unsure = SECOND.is_between(6, 8)
    bars = make.bars(trades).with_columns(
        pl.when(~unsure).then(price).alias(price) for price in PRICES
    )
    day = replace(make.day(trades), bars=bars.lazy())
    assert not make.judge("bars_1s", NAME, day).passed
    unsure = SECOND.is_between(5, 9)
    bars = bars.with_columns(is_complete=~unsure)
    assert make.judge("bars_1s", NAME, replace(day, bars=bars.lazy())).passed


def test_a_close_carried_over_from_the_day_before_passes(make: Make) -> None:
    bars = make.bars(make.trades([1], us=[5_000_000])).with_columns(
        pl.col(PRICES).fill_null(Decimal("0.5")),
    )
    day = replace(make.day(make.trades()), bars=bars.lazy())
    assert make.judge("bars_1s", NAME, day).passed


@pytest.mark.parametrize(
    ("fault", "second", "change"),
    [
        ("disordered", 10, pl.lit(Decimal(9), PRICE).alias("low")),
        ("disordered", 10, pl.lit(Decimal("0.1"), PRICE).alias("high")),
        ("traded_without_price", 10, pl.lit(None, PRICE).alias("open")),
        ("partly_null", 15, pl.lit(None, PRICE).alias("high")),
        ("price_of_unknown", 15, pl.lit(value=False).alias("is_complete")),
        ("not_the_last_close", 15, pl.lit(Decimal("7.7"), PRICE).alias("high")),
        ("not_the_last_close", 11, pl.lit(Decimal("7.7"), PRICE).alias("close")),
    ],
)
def test_each_fault_fails_at_its_second(
    make: Make,
    fault: str,
    second: int,
    change: pl.Expr,
) -> None:
    name = change.meta.output_name()
    bars = make.bars(make.trades()).with_columns(
        pl.when(second == SECOND).then(change).otherwise(name).alias(name),
    )
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence[fault] != 0
    first = verdict.evidence["first_us"]
    assert isinstance(first, list)
    assert first[0] == make.start + second * 1_000_000


def test_a_price_withheld_though_known_fails(make: Make) -> None:
    bars = make.bars(make.trades()).with_columns(
        pl.when(SECOND != 15).then(price).alias(price) for price in PRICES
    )
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert verdict.evidence["known_but_null"] == 1
