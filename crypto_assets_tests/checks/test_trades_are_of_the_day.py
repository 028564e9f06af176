"""T4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_assets.model.interval import DAY_US
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "trades_are_of_the_day"


def test_the_first_and_the_last_microsecond_are_of_the_day(make: Make) -> None:
    day = make.day(make.trades([1, 2], us=[0, DAY_US - 1]))
    assert make.judge("raw_trades", NAME, day).passed


def test_midnight_at_the_end_is_of_the_next_day(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([1, 2], us=[0, DAY_US])))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert (verdict.evidence["before"], verdict.evidence["after"]) == (0, 1)


def test_trades_before_midnight_are_counted(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([1, 2, 3], us=[-5, -1, 0])))
    assert verdict.evidence["before"] == 2
    assert verdict.evidence["first_us"] == make.start - 5


def test_a_day_without_trades_passes(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
