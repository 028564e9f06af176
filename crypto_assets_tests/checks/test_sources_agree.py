"""T10."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "sources_agree"


def test_equal_duplicates_pass_and_are_counted(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.declared(make.day(make.trades()), duplicates=3))
    assert verdict.passed
    assert verdict.evidence == {"duplicates": 3, "sources": {"stream": 4}}


def test_conflicting_ids_fail_and_are_named(make: Make) -> None:
    day = make.declared(make.day(make.trades()), conflicts=(101, 103))
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"count": 2, "conflicts": [101, 103], "inputs": ["a"]}


def test_without_a_summary_it_fails(make: Make) -> None:
    day = replace(make.day(make.trades()), trades_summary=None)
    assert not make.judge("raw_trades", NAME, day).passed
