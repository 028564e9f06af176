"""O2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day
from crypto_assets.model.tables import FETCHED
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "ohlcv_prices_are_ordered"


def test_prices_in_order_pass(make: Make) -> None:
    assert make.judge("ohlcv", NAME, make.fetched(make.ohlcv())).passed


@pytest.mark.parametrize(
    ("column", "value"),
    [("low", "2.2"), ("low", "4"), ("high", "2.2"), ("high", "0.5"), ("close", "3.5")],
)
def test_a_low_or_high_that_is_none_fails(make: Make, column: str, value: str) -> None:
    bars = make.ohlcv().with_columns(pl.lit(value).cast(FETCHED).alias(column))
    verdict = make.judge("ohlcv", NAME, make.fetched(bars))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["count"] == 24
    first = verdict.evidence["first"]
    assert isinstance(first, list)
    assert first[0] == ["1h", make.start]
    assert len(first) == 20


def test_what_is_not_stored_is_not_judged(make: Make) -> None:
    assert not make.judge("ohlcv", NAME, Day(partition=make.partition)).passed
