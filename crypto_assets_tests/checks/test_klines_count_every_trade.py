"""T12."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.checks.day import Day, Edge
from crypto_assets.checks.klines_count_every_trade import CHECK
from crypto_assets.model.interval import SECOND_US, Interval
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "klines_count_every_trade"
MINUTE = 60 * SECOND_US


def test_equal_counts_pass(make: Make) -> None:
    trades = make.trades()
    verdict = make.judge("verdicts", NAME, make.day(trades, klines=make.klines(trades)))
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {
        "interval": "1m",
        "counted": 4,
        "held": 4,
        "klines": 1_440,
        "whole_day": True,
    }


def test_the_shortest_interval_that_covers_the_day_is_used(make: Make) -> None:
    trades = make.trades()
    klines = pl.concat(
        [
            make.klines(trades, Interval.HOUR),
            make.klines(trades, Interval.FIVE_MINUTES),
            make.klines(trades).head(700),
        ],
    )
    verdict = make.judge("verdicts", NAME, make.day(trades, klines=klines))
    assert verdict.evidence["interval"] == "5m"


def test_trades_missing_at_both_ends_are_told_by_id(make: Make) -> None:
    us = [at * MINUTE // 2 for at in range(12)]
    whole = make.trades(range(100, 112), us)
    day = make.day(whole.slice(3, 4), klines=make.klines(whole))
    verdict = make.judge("verdicts", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["missing"] == [[100, 102], [107, 111]]
    assert verdict.evidence["missing_count"] == 8


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_is_cut_off_the_ends_is_told_exactly_or_not_at_all(
    make: Make,
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 12))
    us = sorted(data.draw(st.lists(st.integers(0, 6 * MINUTE), min_size=count, max_size=count)))
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first, count - 1))
    whole = make.trades(range(100, 100 + count), us)
    day = make.day(whole.slice(first, last - first + 1), klines=make.klines(whole))
    finding = CHECK.judge(replace(day, previous=None, next=None), {})
    assert finding.passed == (last - first + 1 == count)
    if "missing" in finding.evidence:
        cut = [[100, 99 + first], [101 + last, 99 + count]]
        assert finding.evidence["missing"] == [found for found in cut if found[0] <= found[1]]


def test_in_one_bar_the_side_is_told_only_by_a_neighbour(make: Make) -> None:
    whole = make.trades([100, 101, 102, 103], us=[1, 2, 3, 4])
    day = make.day(whole.slice(1, 2), klines=make.klines(whole))
    alone = replace(day, previous=None, next=None)
    assert "missing" not in make.judge("verdicts", NAME, alone).evidence
    joined = replace(alone, previous=Edge(first_id=1, last_id=100))
    assert make.judge("verdicts", NAME, joined).evidence["missing"] == [[103, 104]]
    joined = replace(alone, next=Edge(first_id=103, last_id=200))
    assert make.judge("verdicts", NAME, joined).evidence["missing"] == [[99, 100]]


def test_a_hole_inside_leaves_the_ends_untold(make: Make) -> None:
    whole = make.trades(range(100, 112), [at * MINUTE for at in range(12)])
    held = whole.filter(~pl.col("trade_id").is_in([100, 105]))
    verdict = make.judge("verdicts", NAME, make.day(held, klines=make.klines(whole)))
    assert not verdict.passed
    assert "missing" not in verdict.evidence
    assert (verdict.evidence["counted"], verdict.evidence["held"]) == (12, 10)


def test_klines_that_contradict_our_ids_tell_no_missing_id(make: Make) -> None:
    """More is counted, but in one minute less than we hold or one that our ids fill wholly."""
    us = [at * MINUTE for at in range(4)]
    held = make.trades(range(100, 104), us)
    more = make.trades(range(90, 99), [0] * 9)
    surplus = make.klines(pl.concat([more, held.filter(pl.col("trade_id") != 101)]))
    between = make.klines(make.trades(range(100, 105), [*us[:2], us[1], *us[2:]]))
    for klines in (surplus, between):
        verdict = make.judge("verdicts", NAME, make.day(held, klines=klines))
        assert not verdict.passed
        assert "missing" not in verdict.evidence


def test_without_a_summary_of_its_trades_it_fails(make: Make) -> None:
    trades = make.trades()
    day = replace(make.day(trades, klines=make.klines(trades)), trades_summary=None)
    assert "cannot be judged" in make.judge("verdicts", NAME, day).message


def test_a_day_without_trades_is_told_from_the_day_before(make: Make) -> None:
    klines = make.klines(make.trades([100, 101]))
    day = Day(partition=make.partition, klines=klines.lazy(), previous=Edge(first_id=1, last_id=99))
    verdict = make.judge("verdicts", NAME, day)
    assert not verdict.passed
    assert verdict.evidence["missing"] == [[100, 101]]
    assert "missing" not in make.judge("verdicts", NAME, replace(day, previous=None)).evidence


def test_klines_that_count_none_prove_a_day_without_trades(make: Make) -> None:
    day = Day(partition=make.partition, klines=make.klines(make.trades([])).lazy())
    assert make.judge("verdicts", NAME, day).passed


def test_trades_the_exchange_does_not_count_fail(make: Make) -> None:
    trades = make.trades()
    day = make.day(trades, klines=make.klines(trades.head(3)))
    verdict = make.judge("verdicts", NAME, day)
    assert not verdict.passed
    assert "missing" not in verdict.evidence


def test_klines_of_a_part_of_the_day_prove_nothing(make: Make) -> None:
    trades = make.trades()
    verdict = make.judge("verdicts", NAME, make.day(trades, klines=make.klines(trades).head(700)))
    assert verdict.passed
    assert verdict.evidence == {"checked": False}
    assert verdict.message.endswith("no klines cover the whole day: 700 of 1m")


def test_klines_of_a_part_of_the_day_that_count_more_fail(make: Make) -> None:
    klines = make.klines(make.trades()).head(700)
    verdict = make.judge("verdicts", NAME, make.day(make.trades([100, 101]), klines=klines))
    assert not verdict.passed
    assert verdict.evidence["whole_day"] is False
    assert "missing" not in verdict.evidence


def test_a_doubled_kline_does_not_make_up_for_a_missing_one(make: Make) -> None:
    klines = make.klines(make.trades())
    day = make.day(make.trades(), klines=pl.concat([klines.head(1_439), klines.tail(2).head(1)]))
    assert make.judge("verdicts", NAME, day).evidence == {"checked": False}


def test_without_klines_it_is_not_checked(make: Make) -> None:
    assert make.judge("verdicts", NAME, make.day(make.trades())).evidence == {"checked": False}


def test_real_klines_count_the_half_hour_that_is_missing(make: Make) -> None:
    """The exchange's own klines tell how many trades lie before and after half an hour of them."""
    btc = make.of("BTCUSDT", "2024-01-01")
    trades, klines = btc.btc()
    verdict = btc.judge("verdicts", NAME, btc.day(trades, klines=klines))
    missing = verdict.evidence["missing"]
    assert isinstance(missing, list)
    assert verdict.evidence["held"] == 16_702
    assert missing[0][1] == 3345206427
    assert missing[1][0] == 3345223130
    assert verdict.evidence["missing_count"] == klines["trade_count"].sum() - 16_702
