"""Q2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "bid_is_below_ask"


def test_a_sound_book_passes(make: Make) -> None:
    assert make.judge("raw_quotes", NAME, make.day(quotes=make.quotes())).passed
    assert make.judge("raw_quotes", NAME, make.day(quotes=make.quotes([], [], []))).passed


def test_a_crossed_book_fails_and_is_named(make: Make) -> None:
    quotes = make.quotes(bids=("1.1", "1.4", "1.2"), asks=("1.2", "1.3", "1.2"))
    verdict = make.judge("raw_quotes", NAME, make.day(quotes=quotes))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"crossed": 1, "locked": 1, "rows": 3, "first": [9]}


def test_a_locked_book_is_warned_of(make: Make) -> None:
    quotes = make.quotes(asks=("1.1", "1.3", "1.2"))
    verdict = make.judge("raw_quotes", NAME, make.day(quotes=quotes))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence["locked"] == 1


def test_an_empty_side_is_not_crossed(make: Make) -> None:
    quotes = make.quotes(bids=("1.1", "0", "0"), asks=("0", "1.3", "0"))
    assert make.judge("raw_quotes", NAME, make.day(quotes=quotes)).passed
