"""Q3."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.checks.day import Rules
from crypto_assets.model.tables import QUANTITY
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "quotes_are_on_tick_and_not_negative"
RULES = Rules(tick_size=Decimal("0.1"), step_size=Decimal(1))


def test_multiples_pass(make: Make) -> None:
    day = replace(make.day(quotes=make.quotes()), rules=RULES)
    verdict = make.judge("raw_quotes", NAME, day)
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert "not both known" not in verdict.message


def test_the_zeros_of_an_empty_side_pass(make: Make) -> None:
    quotes = make.quotes(bids=("0", "1.2", "1.1")).with_columns(
        bid_quantity=pl.lit(Decimal(0), QUANTITY),
    )
    assert make.judge("raw_quotes", NAME, make.day(quotes=quotes)).passed


def test_a_negative_price_and_a_null_fail(make: Make) -> None:
    quotes = make.quotes(bids=("-1.1", "1.2", "1.1")).with_columns(
        ask_quantity=pl.when(pl.col("update_id") != 12).then("ask_quantity"),
    )
    verdict = make.judge("raw_quotes", NAME, make.day(quotes=quotes))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["negative"] == {
        "bid": 1,
        "ask": 0,
        "bid_quantity": 0,
        "ask_quantity": 1,
    }


def test_a_price_between_ticks_is_warned_of(make: Make) -> None:
    day = replace(make.day(quotes=make.quotes(bids=("1.15", "1.2", "1.1"))), rules=RULES)
    verdict = make.judge("raw_quotes", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence["off_step"] == {
        "bid": 1,
        "ask": 0,
        "bid_quantity": 0,
        "ask_quantity": 0,
    }


def test_without_known_rules_only_the_sign_is_judged(make: Make) -> None:
    verdict = make.judge("raw_quotes", NAME, make.day(quotes=make.quotes()))
    assert verdict.passed
    assert "not both known" in verdict.message
    assert verdict.evidence["off_step"] == {}


def test_no_quote_passes(make: Make) -> None:
    day = replace(make.day(quotes=make.quotes([], [], [])), rules=RULES)
    assert make.judge("raw_quotes", NAME, day).passed
