"""T17."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "takers_buy_and_sell"


def test_both_sides_pass(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades(range(1_001))))
    assert verdict.passed
    assert verdict.evidence == {"takers_bought": 501, "takers_sold": 500}


@pytest.mark.parametrize(("sold", "word"), [(True, "sold"), (False, "bought")])
def test_one_side_alone_is_warned_of(make: Make, sold: bool, word: str) -> None:  # noqa: FBT001
    trades = make.trades(range(1_001)).with_columns(is_buyer_maker=pl.lit(sold))
    verdict = make.judge("raw_trades", NAME, make.day(trades))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.message == f"takers only {word}, 1,001 times"


def test_few_trades_are_not_checked(make: Make) -> None:
    trades = make.trades(range(1_000)).with_columns(is_buyer_maker=pl.lit(value=True))
    verdict = make.judge("raw_trades", NAME, make.day(trades))
    assert verdict.evidence == {"checked": False}
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
