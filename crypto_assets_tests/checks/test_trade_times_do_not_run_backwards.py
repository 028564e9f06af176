"""T5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "trade_times_do_not_run_backwards"


def test_equal_times_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([1, 2, 3], us=[5, 5, 6]))).passed


def test_inversions_are_counted_and_only_warned_of(make: Make) -> None:
    verdict = make.judge(
        "raw_trades", NAME, make.day(make.trades([1, 2, 3, 4], us=[50, 20, 60, 59]))
    )
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence == {"inversions": 2, "deepest_us": 30}


def test_a_real_day_passes(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.nexo())).passed


def test_a_day_of_no_trade_and_of_one_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
    assert make.judge("raw_trades", NAME, make.day(make.trades([5]))).passed
