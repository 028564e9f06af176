"""T13."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.checks.day import Elsewhere, Rules
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


def test_a_halt_of_the_whole_exchange_is_told_from_one_of_the_symbol(make: Make) -> None:
    ids, us = busy(HOUR)
    span = (make.start + us[1_499], make.start + us[1_500])
    day = make.day(make.trades(ids, us))
    everybody = Elsewhere(span=span, silent=("ETHUSDT", "SOLUSDT"), trading=())
    verdict = make.judge("raw_trades", NAME, replace(day, elsewhere=(everybody,)))
    assert verdict.passed
    assert "no other symbol traded (2 were silent too)" in verdict.message
    (halt,) = verdict.evidence["halts"]  # type: ignore[misc]
    assert halt["silent_too"] == ["ETHUSDT", "SOLUSDT"]  # type: ignore[has-type]
    alone = Elsewhere(span=span, silent=(), trading=("ETHUSDT",))
    verdict = make.judge("raw_trades", NAME, replace(day, elsewhere=(alone,)))
    assert "no other symbol" not in verdict.message


def test_what_the_exchange_called_the_symbol_is_told(make: Make) -> None:
    ids, us = busy(HOUR)
    day = replace(make.day(make.trades(ids, us)), rules=Rules(status="BREAK"))
    verdict = make.judge("raw_trades", NAME, day)
    assert "in BREAK that day" in verdict.message
    assert verdict.evidence["status"] == "BREAK"
    trading = replace(day, rules=Rules(status="TRADING"))
    assert "that day" not in make.judge("raw_trades", NAME, trading).message


def test_ids_missing_in_a_silence_are_a_loss_even_in_a_break(make: Make) -> None:
    ids, us = busy(HOUR, skip=3)
    day = replace(make.day(make.trades(ids, us)), rules=Rules(status="BREAK"))
    assert not make.judge("raw_trades", NAME, day).passed
