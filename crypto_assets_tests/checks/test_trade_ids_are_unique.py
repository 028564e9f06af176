"""T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.checks.trade_ids_are_unique import CHECK
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "trade_ids_are_unique"


def test_different_ids_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades())).passed


def test_a_doubled_id_fails_and_is_named(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([100, 101, 101, 101, 102, 102])))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["doubled_ids"] == 2
    assert verdict.evidence["surplus_rows"] == 3
    assert verdict.evidence["first"] == [101, 102]


def test_a_doubled_id_far_from_its_twin_fails(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([100, 101, 102, 100])))
    assert verdict.evidence["first"] == [100]


def test_different_ids_that_do_not_ascend_fail_for_that(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades([100, 102, 101])))
    assert not verdict.passed
    assert verdict.message == "the trades do not ascend by trade id"


def test_a_row_without_an_id_fails(make: Make) -> None:
    day = make.day(make.trades())
    assert day.trades is not None
    without = day.trades.with_columns(
        trade_id=pl.when(pl.col("trade_id") != 102).then("trade_id"),
    )
    found = without.select(**CHECK.measures).collect().row(0, named=True)
    assert found["nulls"] == 1


def test_a_day_of_no_trade_and_of_one_pass(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
    assert make.judge("raw_trades", NAME, make.day(make.trades([5]))).passed


@settings(max_examples=50, deadline=None)
@given(ids=st.lists(st.integers(0, 30), max_size=20))
def test_it_passes_exactly_where_sorted_ids_are_distinct(ids: list[int]) -> None:
    schema = {"trade_id": pl.Int64, "match_id": pl.String}
    frame = pl.DataFrame({"trade_id": sorted(ids), "match_id": [None] * len(ids)}, schema=schema)
    found = frame.lazy().select(**CHECK.measures).collect(engine="streaming").row(0, named=True)
    assert (found["not_rising"] == 0) == (len(set(ids)) == len(ids))
