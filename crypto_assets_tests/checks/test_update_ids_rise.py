"""Q1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "update_ids_rise"


def test_ids_that_jump_up_pass(make: Make) -> None:
    assert make.judge("raw_quotes", NAME, make.day(quotes=make.quotes())).passed


def test_equal_and_falling_ids_fail(make: Make) -> None:
    verdict = make.judge("raw_quotes", NAME, make.day(quotes=make.quotes([7, 7, 5])))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"disordered": 0, "not_rising": 2, "rows": 3}


def test_quotes_that_came_in_out_of_order_fail(make: Make) -> None:
    day = make.day(quotes=make.quotes())
    assert day.quotes_summary is not None
    summary = msgspec.structs.replace(day.quotes_summary, disordered=4)
    verdict = make.judge("raw_quotes", NAME, replace(day, quotes_summary=summary))
    assert not verdict.passed
    assert verdict.evidence["disordered"] == 4


def test_no_quote_and_one_pass(make: Make) -> None:
    assert make.judge("raw_quotes", NAME, make.day(quotes=make.quotes([], [], []))).passed
    assert make.judge("raw_quotes", NAME, make.day(quotes=make.quotes([1], ["1"], ["2"]))).passed


def test_without_a_summary_it_fails(make: Make) -> None:
    day = replace(make.day(quotes=make.quotes()), quotes_summary=None)
    assert not make.judge("raw_quotes", NAME, day).passed
