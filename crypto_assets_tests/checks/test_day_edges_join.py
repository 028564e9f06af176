"""T3."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.checks.day import Day, Edge
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "day_edges_join"


def test_both_neighbours_join(make: Make) -> None:
    verdict = make.judge("verdicts", NAME, make.day(make.trades()))
    assert verdict.passed
    assert verdict.evidence == {"left": "joined", "right": "joined"}


def test_an_edge_without_its_neighbour_is_unproven_and_warned_of(make: Make) -> None:
    verdict = make.judge("verdicts", NAME, replace(make.day(make.trades()), next=None))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.message == "left edge joined, right edge unproven"


def test_a_hole_at_an_edge_fails_and_is_listed(make: Make) -> None:
    day = replace(
        make.day(make.trades()),
        previous=Edge(first_id=1, last_id=89),
        next=Edge(first_id=105, last_id=106),
    )
    verdict = make.judge("verdicts", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {
        "left": "hole",
        "right": "hole",
        "missing": [[90, 99], [104, 104]],
    }


def test_ids_on_both_sides_of_midnight_fail_and_are_listed(make: Make) -> None:
    day = replace(make.day(make.trades()), previous=Edge(first_id=1, last_id=101))
    verdict = make.judge("verdicts", NAME, day)
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["left"] == "overlap"
    assert verdict.evidence["doubled"] == [[100, 101]]


def test_a_hole_is_the_neighbours_where_klines_count_every_trade(make: Make) -> None:
    trades = make.trades()
    day = make.day(trades, klines=make.klines(trades))
    verdict = make.judge("verdicts", NAME, replace(day, previous=Edge(first_id=1, last_id=9)))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence["counted_by_klines"] is True


def test_a_hole_stays_an_error_where_klines_count_more(make: Make) -> None:
    klines = make.klines(make.trades([99, 100, 101, 102, 103]))
    day = replace(make.day(make.trades(), klines=klines), previous=Edge(first_id=1, last_id=9))
    assert make.judge("verdicts", NAME, day).severity is Severity.ERROR


def test_an_empty_day_joins_where_its_neighbours_do(make: Make) -> None:
    empty = replace(
        Day(partition=make.partition),
        previous=Edge(first_id=1, last_id=9),
        next=Edge(first_id=10, last_id=11),
    )
    assert make.judge("verdicts", NAME, empty).passed
    holed = replace(empty, next=Edge(first_id=13, last_id=14))
    verdict = make.judge("verdicts", NAME, holed)
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["missing"] == [[10, 12]]
    alone = make.judge("verdicts", NAME, replace(empty, previous=None))
    assert alone.severity is Severity.WARN


def test_a_day_of_one_trade_joins(make: Make) -> None:
    assert make.judge("verdicts", NAME, make.day(make.trades([7]))).passed


def test_without_a_summary_of_its_trades_it_fails(make: Make) -> None:
    day = replace(make.day(make.trades()), trades_summary=None)
    assert "cannot be judged" in make.judge("verdicts", NAME, day).message
