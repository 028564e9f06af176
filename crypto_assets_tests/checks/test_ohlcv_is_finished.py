"""O3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "ohlcv_is_finished"


def test_bars_that_had_ended_pass(make: Make) -> None:
    assert make.judge("ohlcv", NAME, make.fetched(make.ohlcv())).passed
    assert make.judge("ohlcv", NAME, make.fetched(make.ohlcv(slots=range(5)), slots=5)).passed


def test_a_bar_that_had_not_ended_fails(make: Make) -> None:
    verdict = make.judge("ohlcv", NAME, make.fetched(make.ohlcv(slots=range(6)), slots=5))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR


def test_bars_that_do_not_say_until_when_they_are_finished_fail(make: Make) -> None:
    assert not make.judge("ohlcv", NAME, make.fetched(make.ohlcv("1m"))).passed
    assert not make.judge("ohlcv", NAME, Day(partition=make.partition)).passed
