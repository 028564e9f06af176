"""T2."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "trade_ids_are_contiguous"


def test_contiguous_ids_pass(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades()))
    assert verdict.passed
    assert verdict.evidence["missing"] == []
    assert (verdict.evidence["first_id"], verdict.evidence["last_id"]) == (100, 103)


def test_a_real_day_passes(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.nexo()))
    assert verdict.message == "all 12,215 ids from 12796828 to 12809042 are there"


def test_every_missing_range_is_listed(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([100, 101, 104, 105, 107])))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["missing"] == [[102, 103], [106, 106]]
    assert verdict.evidence["missing_count"] == 3
    assert verdict.evidence["missing_ranges"] == 2


def test_at_most_a_thousand_ranges_are_listed_but_all_counted(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades(range(0, 3_000, 2))))
    missing = verdict.evidence["missing"]
    assert isinstance(missing, list)
    assert len(missing) == 1_000
    assert verdict.evidence["missing_ranges"] == verdict.evidence["missing_count"] == 1_499


def test_a_hole_that_the_summary_hides_fails(make: Make) -> None:
    day = make.declared(make.day(make.trades([100, 101, 103])), missing=())
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.evidence["missing"] == [[102, 102]]
    assert verdict.evidence["declared"] == {
        "rows": 3,
        "first_id": 100,
        "last_id": 103,
        "missing_ranges": 0,
        "missing": [],
    }


def test_a_hole_that_only_the_summary_has_fails(make: Make) -> None:
    day = make.declared(make.day(make.trades()), missing=((101, 101),))
    assert not make.judge("raw_trades", NAME, day).passed


def test_rows_that_end_before_the_declared_last_id_fail(make: Make) -> None:
    day = make.declared(make.day(make.trades()), last_id=104, rows=5)
    assert "not those that their summary declares" in make.judge("raw_trades", NAME, day).message


def test_a_doubled_id_does_not_make_up_for_a_missing_one(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([100, 101, 101, 103])))
    assert not verdict.passed
    assert verdict.evidence["missing"] == [[102, 102]]


def test_a_day_of_no_trade_and_of_one_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
    assert make.judge("raw_trades", NAME, make.day(make.trades([5]))).passed


def test_without_a_summary_it_fails(make: Make) -> None:
    day = replace(make.day(make.trades()), trades_summary=None)
    assert "cannot be judged" in make.judge("raw_trades", NAME, day).message
