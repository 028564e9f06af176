"""T7c."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from crypto_assets.checks.day import Rules
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "quantities_are_on_step"


def test_multiples_of_a_step_above_one_pass(make: Make) -> None:
    day = make.day(make.trades([1, 2], quantities=["10", "12345678901234560"]))
    day = replace(day, rules=Rules(step_size=Decimal(10)))
    assert make.judge("raw_trades", NAME, day).passed


def test_a_quantity_between_steps_is_warned_of_and_named(make: Make) -> None:
    day = make.day(make.trades([1, 2, 3], quantities=["0.3", "0.35", "0.00000001"]))
    verdict = make.judge("raw_trades", NAME, replace(day, rules=Rules(step_size=Decimal("0.1"))))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence == {"count": 2, "first": [2, 3], "step": "0.1"}


def test_without_a_known_step_size_it_is_not_checked(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades()))
    assert verdict.evidence == {"checked": False}


def test_a_day_without_trades_passes(make: Make) -> None:
    day = replace(make.day(make.trades([])), rules=Rules(step_size=Decimal("0.1")))
    assert make.judge("raw_trades", NAME, day).passed
