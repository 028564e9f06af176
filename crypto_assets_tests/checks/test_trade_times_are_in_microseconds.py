"""T6."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "trade_times_are_in_microseconds"


def test_microseconds_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades())).passed


@pytest.mark.parametrize(
    ("unit", "multiply", "divide"),
    [("milliseconds", 1, 1_000), ("nanoseconds", 1_000, 1), ("seconds", 1, 1_000_000)],
)
def test_one_time_of_another_unit_fails_and_the_unit_is_guessed(
    make: Make,
    unit: str,
    multiply: int,
    divide: int,
) -> None:
    other = make.start * multiply // divide - make.start
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([1, 2, 3], us=[0, other, 9])))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["looks_like"] == [unit]


def test_the_next_day_is_another_checks_matter(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([1], us=[90_000_000_000])))
    assert verdict.passed


def test_a_time_of_no_unit_fails_without_a_guess(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([1], us=[5 * 10**14])))
    assert not verdict.passed
    assert verdict.evidence["looks_like"] == []


def test_a_day_without_trades_passes(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
