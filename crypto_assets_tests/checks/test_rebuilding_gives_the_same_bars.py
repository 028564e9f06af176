"""B10."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "rebuilding_gives_the_same_bars"


def test_the_same_hash_passes(make: Make) -> None:
    day = replace(make.day(make.trades()), rebuilt_bars_hash="hash of bars")
    verdict = make.judge("bars_1s", NAME, day)
    assert verdict.passed
    assert verdict.severity is Severity.ERROR


def test_another_hash_fails(make: Make) -> None:
    day = replace(make.day(make.trades()), rebuilt_bars_hash="other")
    verdict = make.judge("bars_1s", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"stored": "hash of bars", "rebuilt": "other"}


def test_bars_computed_once_are_not_checked(make: Make) -> None:
    assert make.judge("bars_1s", NAME, make.day(make.trades())).evidence == {"checked": False}


def test_without_a_summary_it_fails(make: Make) -> None:
    day = replace(make.day(make.trades()), rebuilt_bars_hash="other", bars_summary=None)
    assert "cannot be judged" in make.judge("bars_1s", NAME, day).message
