"""B8."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.model.tables import QUANTITY
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "minutes_from_seconds_equal_minutes_from_trades"


def test_equal_minutes_pass(make: Make) -> None:
    trades = make.trades(range(30))
    assert make.judge("bars_1s", NAME, make.day(trades)).passed
    assert make.judge("bars_1s", NAME, make.day(make.trades([]))).passed
    assert make.judge("bars_1s", NAME, make.day(make.trades([5]))).passed


def test_products_are_rounded_half_up(make: Make) -> None:
    trades = make.trades([1], prices=["0.00000001"], quantities=["0.5"])
    day = make.day(trades)
    assert make.judge("bars_1s", NAME, day).passed
    zero = day.rolled["1m"].with_columns(quote_volume=pl.lit(Decimal(0), QUANTITY))
    assert not make.judge("bars_1s", NAME, replace(day, rolled={"1m": zero})).passed


def test_a_minute_that_differs_fails_and_is_named(make: Make) -> None:
    trades = make.trades(range(30))
    rolled = make.day(trades.filter(pl.col("trade_id") != 14)).rolled
    verdict = make.judge("bars_1s", NAME, replace(make.day(trades), rolled=rolled))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {
        "minutes": 5,
        "differ": 1,
        "first_us": [make.start + 120_000_000],
    }


def test_a_minute_that_only_one_side_has_fails(make: Make) -> None:
    day = make.day(make.trades([1], us=[0]))
    other = make.day(make.trades([1], us=[60_000_000]))
    verdict = make.judge("bars_1s", NAME, replace(day, rolled=other.rolled))
    assert verdict.evidence["differ"] == 2


def test_real_minutes_are_the_same_both_ways(make: Make) -> None:
    verdict = make.judge("bars_1s", NAME, make.day(make.nexo()))
    assert verdict.message == "1,263 minutes are the same both ways"


def test_without_minutes_it_fails(make: Make) -> None:
    assert not make.judge("bars_1s", NAME, replace(make.day(make.trades()), rolled={})).passed
