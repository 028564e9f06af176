"""What open and close of a kline may be."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import PRICE
from crypto_assets.model.verdict import Verdict
from crypto_assets_tests.checks.test_klines_measure_every_trade import published

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

US = [1_000_000, 1_000_300, 61_000_000, 119_000_100, 119_000_700, 180_000_000]
PRICES = ["1.5", "1.6", "1.8", "1.2", "1.3", "1.4"]
CHECK = "bars_equal_klines"


def a_day(make: Make, **minutes: dict[str, str]) -> Day:
    """Three minutes with trades, a quiet one between; klines open at the close before."""
    trades = make.trades(range(6), US, PRICES)
    day = make.day(trades)
    klines = published(make.klines(trades)).with_row_index("minute")
    klines = klines.with_columns(
        open=pl.when(pl.col("minute") == 0)
        .then(pl.lit(Decimal("1.7"), PRICE))
        .otherwise(pl.col("close").shift(1)),
    ).with_columns(
        high=pl.max_horizontal("high", "open"),
        low=pl.min_horizontal("low", "open"),
    )
    for name, changes in minutes.items():
        is_it = pl.col("minute") == int(name.removeprefix("m"))
        klines = klines.with_columns(
            pl.when(is_it).then(pl.lit(Decimal(value), PRICE)).otherwise(field).alias(field)
            for field, value in changes.items()
        )
    return replace(
        day,
        numbering=Numbering.OPAQUE,
        klines_open_at_last_close=True,
        klines=klines.drop("minute").lazy(),
    )


def judged(make: Make, day: Day) -> Verdict:
    return make.judge("bars_1s", CHECK, day)


def test_klines_that_open_at_the_close_before_are_equal(make: Make) -> None:
    verdict = judged(make, a_day(make))
    assert verdict.passed, verdict.evidence
    assert verdict.evidence["whole_day"] is True
    assert verdict.evidence["open_or_close_undecided"] == {"1m": 4}


def test_at_a_venue_that_opens_at_the_first_trade_they_are_not(make: Make) -> None:
    assert judged(make, replace(a_day(make), klines_open_at_last_close=False)).is_fault


@pytest.mark.parametrize("close", ["1.2", "1.3"])
def test_each_price_of_the_last_millisecond_may_be_the_close(make: Make, close: str) -> None:
    quiet = dict.fromkeys(("open", "high", "low", "close"), close)
    opened = {"open": close, "high": "1.4", "low": close}
    assert judged(make, a_day(make, m1={"close": close}, m2=quiet, m3=opened)).passed


@pytest.mark.parametrize(
    ("minute", "changes"),
    [
        ("m1", {"close": "1.4"}),
        ("m1", {"close": "1.8"}),
        ("m1", {"open": "1.65"}),
        ("m1", {"high": "1.81"}),
        ("m1", {"low": "1.19"}),
        ("m0", {"high": "1.8"}),
        ("m2", {"high": "1.4"}),
        ("m2", {"close": "1.4"}),
        ("m3", {"open": "1.4"}),
        ("m5", {"close": "1.39", "low": "1.39"}),
    ],
)
def test_any_other_price_differs(make: Make, minute: str, changes: dict[str, str]) -> None:
    verdict = judged(make, a_day(make, **{minute: changes}))
    assert verdict.is_fault
    assert verdict.evidence["examples"][0]["found"] == "differ"  # type: ignore[index]


def test_the_first_open_of_a_day_is_not_known_to_us(make: Make) -> None:
    assert judged(make, a_day(make, m0={"open": "1.55", "high": "1.6", "low": "1.5"})).passed
