"""S5."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.checks.day import Edge
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "unreadable_lines_hide_no_trade"


def test_a_day_whose_lines_could_be_read_passes(make: Make) -> None:
    day = replace(make.day(make.trades([1, 5])), previous=None)
    assert make.judge("raw_trades", NAME, day).passed


def test_an_unreadable_line_among_all_ids_was_no_trade(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.declared(make.day(make.trades()), unreadable=2))
    assert verdict.passed
    assert verdict.evidence["unreadable"] == 2


def test_an_unreadable_line_may_be_the_missing_trade(make: Make) -> None:
    day = make.declared(make.day(make.trades([100, 102])), unreadable=1)
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert "ids are missing" in verdict.message


def test_an_unreadable_line_may_lie_beyond_an_unproven_edge(make: Make) -> None:
    day = make.declared(make.day(make.trades()), unreadable=1)
    verdict = make.judge("raw_trades", NAME, replace(day, next=None))
    assert not verdict.passed
    assert verdict.evidence["right_edge"] == "unproven"
    verdict = make.judge("raw_trades", NAME, replace(day, next=Edge(first_id=105, last_id=106)))
    assert verdict.evidence["right_edge"] == "hole"


def test_an_unreadable_line_of_a_day_that_the_ids_prove_empty_was_no_trade(make: Make) -> None:
    day = make.declared(make.day(make.trades([])), unreadable=1)
    day = replace(day, previous=Edge(first_id=1, last_id=9), next=Edge(first_id=10, last_id=11))
    assert make.judge("raw_trades", NAME, day).passed
