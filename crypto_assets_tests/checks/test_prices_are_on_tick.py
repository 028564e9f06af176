"""T7b."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from crypto_assets.checks.day import Rules
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "prices_are_on_tick"


def test_multiples_pass(make: Make) -> None:
    day = make.day(make.trades([1, 2], prices=["1.25", "0.01"]))
    day = replace(day, rules=Rules(tick_size=Decimal("0.01")))
    assert make.judge("raw_trades", NAME, day).passed


def test_a_price_between_ticks_is_warned_of_and_named(make: Make) -> None:
    day = make.day(make.trades([1, 2, 3], prices=["1.25", "0.011", "7"]))
    verdict = make.judge("raw_trades", NAME, replace(day, rules=Rules(tick_size=Decimal("0.01"))))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence == {"count": 1, "first": [2], "step": "0.01"}


def test_without_a_known_tick_size_it_is_not_checked(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades()))
    assert verdict.passed
    assert verdict.severity is Severity.INFO
    assert verdict.evidence == {"checked": False}


def test_a_day_without_trades_passes(make: Make) -> None:
    day = replace(make.day(make.trades([])), rules=Rules(tick_size=Decimal("0.01")))
    assert make.judge("raw_trades", NAME, day).passed


def test_a_real_day_is_on_its_tick(make: Make) -> None:
    day = replace(make.day(make.nexo()), rules=Rules(tick_size=Decimal("0.001")))
    assert make.judge("raw_trades", NAME, day).passed
