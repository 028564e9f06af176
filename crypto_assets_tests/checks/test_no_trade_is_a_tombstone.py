"""T9."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "no_trade_is_a_tombstone"


def test_trades_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades())).passed
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed


def test_either_alone_fails_and_the_id_0_does_not(make: Make) -> None:
    day = make.day(make.trades())
    for trades, evidence in (
        (make.trades([0, 1], prices=["1", "0"], quantities=["0", "1"]), None),
        (make.trades([-1]), {"zeroed": 0, "without_id": 1}),
        (make.trades([1], prices=["0"], quantities=["0"]), {"zeroed": 1, "without_id": 0}),
    ):
        verdict = make.judge("raw_trades", NAME, replace(day, trades=trades.lazy()))
        assert verdict.passed == (evidence is None)
        assert verdict.evidence == (evidence or {})


def test_a_row_of_zeros_and_an_id_below_zero_fail(make: Make) -> None:
    trades = make.trades([-1, 2, 3], prices=["1", "0", "0"], quantities=["1", "0", "1"])
    day = replace(make.day(make.trades()), trades=trades.lazy())
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"zeroed": 1, "without_id": 1}
