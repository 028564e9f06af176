"""T8."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.model.tables import QUANTITY
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "quote_quantities_are_products"


def test_no_kept_value_passes(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades())).passed
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed


def test_a_kept_value_fails_and_is_shown(make: Make) -> None:
    trades = make.trades([1, 2], prices=["1.5", "2"], quantities=["3", "4"]).with_columns(
        quoted_value=pl.when(pl.col("trade_id") == 2).then(pl.lit(Decimal("8.1"), QUANTITY)),
    )
    verdict = make.judge("raw_trades", NAME, make.day(trades))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {
        "count": 1,
        "first": [
            {
                "trade_id": 2,
                "price": "2.00000000",
                "quantity": "4.00000000",
                "quoted_value": "8.10000000",
            },
        ],
    }
