"""B4."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "bar_ids_tile"
COUNT = pl.col("trade_count")


@pytest.mark.parametrize("asset", ["bars_1s", "daily_bars"])
def test_contiguous_ids_tile(make: Make, asset: str) -> None:
    assert make.judge(asset, NAME, make.day(make.trades())).passed
    assert make.judge(asset, NAME, make.day(make.trades([]))).passed
    assert make.judge(asset, NAME, make.day(make.trades([5]))).passed


def test_a_hole_between_complete_bars_fails(make: Make) -> None:
    verdict = make.judge("bars_1s", NAME, make.day(make.trades([100, 101, 105])))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["holes"] == 1
    assert verdict.evidence["first"] == [
        {"ts_open_us": make.start + 20_000_000, "ids": [105, 105]},
    ]


def test_a_hole_inside_a_bar_fails(make: Make) -> None:
    verdict = make.judge("bars_1s", NAME, make.day(make.trades([1, 2, 4], us=[0, 5, 9])))
    assert verdict.evidence["holes"] == 1


def test_a_hole_of_bars_known_to_be_incomplete_is_counted_and_passes(make: Make) -> None:
    trades = make.trades([100, 101, 105])
    bars = make.bars(trades).with_columns(is_complete=COUNT == 0)
    verdict = make.judge("bars_1s", NAME, replace(make.day(trades), bars=bars.lazy()))
    assert verdict.passed
    assert verdict.evidence["known_holes"] == 1


def test_an_overlap_is_never_excused(make: Make) -> None:
    bars = make.bars(make.trades([100, 101, 102])).with_columns(
        first_trade_id=pl.when(pl.col("first_trade_id") == 102)
        .then(101)
        .otherwise("first_trade_id"),
        is_complete=pl.lit(value=False),
    )
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["overlaps"] == 1


def test_more_trades_than_ids_fail(make: Make) -> None:
    bars = make.bars(make.trades()).with_columns(trade_count=COUNT * 2)
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert verdict.evidence["overlaps"] == 4


def test_ids_in_a_bar_without_trades_fail(make: Make) -> None:
    bars = make.bars(make.trades()).with_columns(pl.col("first_trade_id").fill_null(5))
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert not verdict.passed
    assert verdict.evidence["ids_in_empty_bars"] == 86_396


def test_a_bar_with_trades_and_no_ids_fails(make: Make) -> None:
    bars = make.bars(make.trades()).with_columns(last_trade_id=pl.lit(None, pl.Int64))
    assert not make.judge(
        "bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy())
    ).passed


def test_ids_torn_apart_by_times_that_run_backwards_are_warned_of(make: Make) -> None:
    trades = make.trades([1, 2, 3], us=[0, 1_000_000, 999_999])
    day = make.declared(make.day(trades), inversions=1)
    verdict = make.judge("bars_1s", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence["inversions"] == 1
