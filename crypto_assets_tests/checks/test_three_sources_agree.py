"""T19."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day
from crypto_assets.model.interval import SECOND_US, Interval
from crypto_assets.model.tables import AGG_TRADES, KLINES
from crypto_assets.model.verdict import Severity, Verdict

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "three_sources_agree"
MINUTE = 60 * SECOND_US


def minutes(make: Make) -> pl.DataFrame:
    """Two trades in each of six minutes from 00:02 on, of one order each."""
    us = [(2 + at // 2) * MINUTE for at in range(12)]
    trades = make.trades(range(100, 112), us, prices=["1"] * 12)
    return trades.with_columns(is_buyer_maker=pl.col("trade_id") // 2 % 2 == 0)


def judged(
    make: Make,
    trades: pl.DataFrame,
    aggregates: pl.DataFrame,
    klines: pl.DataFrame,
) -> Verdict:
    day = Day(partition=make.partition, trades=trades.lazy(), klines=klines.lazy())
    return make.judge("raw_trades", NAME, make.aggregated(day, aggregates))


def bars(verdict: Verdict) -> dict[str, int]:
    """How many bars there are of each finding but agreement."""
    found = verdict.evidence["bars"]
    assert isinstance(found, dict)
    return {kind: count for kind, count in found.items() if count and kind != "agree"}


def more(frame: pl.DataFrame, at: int, column: str = "quantity") -> pl.DataFrame:
    """The same rows, but one has a little more."""
    value = pl.col(column) + Decimal("0.00000001")
    is_it = pl.int_range(pl.len()) == at
    return frame.with_columns(pl.when(is_it).then(value).otherwise(column).alias(column)).cast(
        dict(frame.schema),  # type: ignore[arg-type]
    )


def test_three_that_agree_of_the_whole_day_pass(make: Make) -> None:
    trades = minutes(make)
    verdict = judged(make, trades, make.aggregates(trades), make.klines(trades))
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["whole_day"] is True
    assert bars(verdict) == {}
    sums = {"trade_count": 12, "volume": "3.30000000", "taker_buy_volume": "1.50000000"}
    ids = {"ids": [100, 111]}
    assert verdict.evidence["totals"] == {
        "trades": sums | ids,
        "aggregates": sums | ids,
        "klines": sums,
    }


def test_a_real_day_agrees_in_every_second(make: Make) -> None:
    trades = make.nexo()
    klines = pl.concat([make.klines(trades), make.klines(trades, Interval.SECOND)])
    verdict = judged(make, trades, make.aggregates(trades), klines)
    assert verdict.evidence["interval"] == "1s"
    assert verdict.evidence["bars"]["agree"] == 86_400  # type: ignore[index]


def test_trades_that_two_others_contradict_are_the_odd_one_out(make: Make) -> None:
    trades = minutes(make)
    aggregates, klines = make.aggregates(trades), make.klines(trades)
    flipped = trades.with_columns(
        is_buyer_maker=pl.col("is_buyer_maker") ^ (pl.col("trade_id") == 105)
    )
    for wrong in (more(trades, 5), trades.filter(pl.col("trade_id") != 105), flipped):
        verdict = judged(make, wrong, aggregates, klines)
        assert not verdict.passed
        assert verdict.severity is Severity.ERROR
        assert bars(verdict) == {"trades": 1}
        assert "1 where the trades are the odd one out" in verdict.message
        (shown,) = verdict.evidence["differ"]  # type: ignore[misc]
        assert shown["ts_open"] == "2024-07-24T00:04:00.000000+00:00"
        assert shown["aggregates"] == shown["klines"] != shown["trades"]


def test_aggregates_that_trades_and_klines_contradict_are_the_odd_one_out(make: Make) -> None:
    """Two stand against them, so the trades are not in doubt: a warning."""
    trades = minutes(make)
    whole, klines = make.aggregates(trades), make.klines(trades)
    for wrong in (more(whole, 2), whole.filter(pl.col("first_trade_id") != 104)):
        verdict = judged(make, trades, wrong, klines)
        assert not verdict.passed
        assert verdict.severity is Severity.WARN
        assert bars(verdict) == {"aggregates": 1}


def test_klines_that_trades_and_aggregates_contradict_are_the_odd_one_out(make: Make) -> None:
    trades = minutes(make)
    whole, klines = make.aggregates(trades), make.klines(trades)
    lacking = klines.filter(pl.col("ts_open") != klines["ts_open"][4])
    for wrong in (more(klines, 4, "volume"), lacking):
        verdict = judged(make, trades, whole, wrong)
        assert not verdict.passed
        assert verdict.severity is Severity.WARN
        assert bars(verdict) == {"klines": 1}


def test_where_no_two_agree_none_is_believed(make: Make) -> None:
    trades = minutes(make)
    whole, klines = make.aggregates(trades), make.klines(trades)
    wrong = more(more(klines, 4, "volume"), 4, "volume")
    verdict = judged(make, trades, more(whole, 2), wrong)
    assert verdict.severity is Severity.ERROR
    assert bars(verdict) == {"none": 1}


def test_ids_that_differ_are_told_though_all_else_agrees(make: Make) -> None:
    trades = minutes(make)
    shifted = make.aggregates(trades).with_columns(pl.col("first_trade_id", "last_trade_id") + 1)
    verdict = judged(make, trades, shifted.cast(AGG_TRADES.schema), make.klines(trades))
    assert verdict.severity is Severity.ERROR
    assert bars(verdict) == {"ids": 6}


def test_what_is_not_covered_by_all_three_is_not_judged(make: Make) -> None:
    trades = minutes(make)
    whole, klines = make.aggregates(trades), make.klines(trades)
    verdict = judged(make, trades, whole[1:4], klines)
    assert verdict.passed
    assert verdict.evidence["whole_day"] is False
    assert bars(verdict) == {"uncovered": 3}
    verdict = judged(make, trades, whole, klines[3:6])
    assert verdict.passed
    assert bars(verdict) == {"uncovered": 3}


def test_trades_cut_short_are_the_odd_one_out_at_the_edges_too(make: Make) -> None:
    trades = minutes(make)
    whole, klines = make.aggregates(trades), make.klines(trades)
    for cut in (trades[1:], trades[:-1], trades[3:-4]):
        verdict = judged(make, cut, whole, klines)
        assert verdict.severity is Severity.ERROR
        assert set(bars(verdict)) == {"trades"}


def test_between_pages_that_do_not_follow_each_other_nothing_is_judged(make: Make) -> None:
    trades = minutes(make)
    whole, klines = make.aggregates(trades), make.klines(trades)
    pages = [make.aggregated(make.day(trades), page, "rest") for page in (whole[:2], whole[4:])]
    day = replace(
        pages[0],
        klines=klines.lazy(),
        aggregates=pl.concat([whole[:2], whole[4:]]).lazy(),
        aggregate_parts=tuple(part for page in pages for part in page.aggregate_parts),
    )
    verdict = make.judge("raw_trades", NAME, day)
    assert verdict.passed
    assert bars(verdict) == {"uncovered": 2}


@pytest.mark.parametrize("lacks", ["aggregates", "klines"])
def test_without_all_three_it_is_not_checked(make: Make, lacks: str) -> None:
    trades = minutes(make)
    day = make.aggregated(make.day(trades, klines=make.klines(trades)), make.aggregates(trades))
    none = replace(day, **{lacks: None})
    assert make.judge("raw_trades", NAME, none).evidence == {"checked": False}
    empty = {"aggregates": AGG_TRADES, "klines": KLINES}[lacks].schema.to_frame().lazy()
    verdict = make.judge("raw_trades", NAME, replace(day, **{lacks: empty}, aggregate_parts=()))
    assert verdict.evidence == {"checked": False}


def test_without_trades_it_cannot_be_judged(make: Make) -> None:
    trades = minutes(make)
    day = make.aggregated(make.day(trades, klines=make.klines(trades)), make.aggregates(trades))
    assert "no trades" in make.judge("raw_trades", NAME, replace(day, trades=None)).message
