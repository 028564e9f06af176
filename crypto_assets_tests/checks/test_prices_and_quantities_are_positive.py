"""T7."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "prices_and_quantities_are_positive"


def test_the_smallest_decimal_passes(make: Make) -> None:
    day = make.day(make.trades([1], prices=["0.00000001"], quantities=["0.00000001"]))
    assert make.judge("raw_trades", NAME, day).passed


def test_zeros_and_negatives_fail_and_are_counted(make: Make) -> None:
    trades = make.trades([1, 2, 3], prices=["0", "-1", "1"], quantities=["1", "1", "0"])
    day = replace(make.day(make.trades()), trades=trades.lazy())
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"prices": 2, "quantities": 1, "rows": 3}


def test_a_null_is_not_positive(make: Make) -> None:
    trades = make.trades([1, 2]).with_columns(
        quantity=pl.when(pl.col("trade_id") == 1).then("quantity"),
    )
    day = replace(make.day(make.trades()), trades=trades.lazy())
    assert make.judge("raw_trades", NAME, day).evidence["quantities"] == 1


def test_a_day_without_trades_passes(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
