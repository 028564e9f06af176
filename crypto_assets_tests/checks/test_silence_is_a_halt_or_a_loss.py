"""T13."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "silence_is_a_halt_or_a_loss"
HOUR = 3_600 * SECOND_US


def busy(silence: int, skip: int = 0) -> tuple[list[int], list[int]]:
    """Ids and times of 3,000 trades a second apart with one silence after the first 1,500."""
    ids = [at + (skip if at >= 1_500 else 0) for at in range(3_000)]
    us = [at * SECOND_US + (silence if at >= 1_500 else 0) for at in range(3_000)]
    return ids, us


def test_a_steady_market_passes(make: Make) -> None:
    ids, us = busy(0)
    verdict = make.judge("raw_trades", NAME, make.day(make.trades(ids, us)))
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"longest_us": SECOND_US}


def test_a_silence_with_contiguous_ids_is_told_as_a_halt(make: Make) -> None:
    ids, us = busy(HOUR)
    verdict = make.judge("raw_trades", NAME, make.day(make.trades(ids, us)))
    assert verdict.passed
    assert verdict.severity is Severity.INFO
    assert verdict.evidence["limit_us"] == 60 * SECOND_US
    assert verdict.evidence["halts"] == [
        {
            "from_us": make.start + us[1_499],
            "until_us": make.start + us[1_500],
            "seconds": 3_601,
            "between_ids": [1_499, 1_500],
            "missing": 0,
        },
    ]


def test_a_silence_with_missing_ids_is_a_loss(make: Make) -> None:
    ids, us = busy(HOUR, skip=250)
    verdict = make.judge("raw_trades", NAME, make.day(make.trades(ids, us)))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    losses = verdict.evidence["losses"]
    assert isinstance(losses, list)
    assert losses[0]["missing"] == 250
    assert losses[0]["between_ids"] == [1_499, 1_750]


def test_missing_ids_without_a_silence_are_another_checks_matter(make: Make) -> None:
    ids, us = busy(0, skip=250)
    assert make.judge("raw_trades", NAME, make.day(make.trades(ids, us))).passed


def test_the_quiet_of_an_illiquid_symbol_is_no_halt(make: Make) -> None:
    us = [at * 1_000 * SECOND_US for at in range(80)]
    verdict = make.judge("raw_trades", NAME, make.day(make.trades(range(80), us)))
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["halts"] == []


def test_a_real_quiet_day_has_no_halt(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.nexo()))
    assert verdict.passed
    assert verdict.evidence["halt_count"] == 0


def test_a_day_of_no_trade_and_of_one_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
    assert make.judge("raw_trades", NAME, make.day(make.trades([5]))).passed
