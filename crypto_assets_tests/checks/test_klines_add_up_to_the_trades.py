"""T12b."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks.day import Day
from crypto_assets.model.interval import SECOND_US, Interval
from crypto_assets.model.tables import KLINES
from crypto_assets.model.verdict import Severity, Verdict

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "klines_add_up_to_the_trades"
LEAST = Decimal("0.00000001")


def judged(make: Make, trades: pl.DataFrame | None, klines: pl.DataFrame | None) -> Verdict:
    day = Day(
        partition=make.partition,
        trades=None if trades is None else trades.lazy(),
        klines=None if klines is None else klines.lazy(),
    )
    return make.judge("raw_trades", NAME, day)


def minutes(make: Make) -> pl.DataFrame:
    """Two trades in each of six minutes from 00:02 on."""
    us = [(2 + at // 2) * 60 * SECOND_US + at for at in range(12)]
    return make.trades(range(100, 112), us)


def test_klines_of_the_trades_pass_in_every_interval(make: Make) -> None:
    trades = minutes(make)
    intervals = (Interval.SECOND, Interval.MINUTE, Interval.HOUR, Interval.DAY)
    verdict = judged(make, trades, pl.concat([make.klines(trades, one) for one in intervals]))
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {
        "whole_day": True,
        "intervals": {
            one.value: {"equal": one.bars_per_day, "differ": 0, "uncovered": 0} for one in intervals
        },
        "differ": [],
    }


def test_a_real_day_adds_up(make: Make) -> None:
    trades = make.nexo()
    assert judged(make, trades, make.klines(trades)).evidence["whole_day"] is True


def test_real_klines_add_up_to_the_half_hour_that_is_recorded(make: Make) -> None:
    btc = make.of("BTCUSDT", "2024-01-01")
    trades, klines = btc.btc()
    half = pl.col("ts_open").dt.truncate("30m") == klines["ts_open"][720]
    within = pl.col("ts_event") < klines["ts_open"][750]
    verdict = judged(btc, trades.filter(within), klines.filter(half))
    assert verdict.passed
    assert verdict.evidence["intervals"] == {"1m": {"equal": 30, "differ": 0, "uncovered": 0}}
    verdict = judged(btc, trades, klines)
    assert not verdict.passed
    assert verdict.evidence["intervals"] == {"1m": {"equal": 30, "differ": 1_410, "uncovered": 0}}


@pytest.mark.parametrize(
    ("field", "by"),
    [
        ("trade_count", 1),
        ("trade_count", -1),
        ("volume", LEAST),
        ("quote_volume", -LEAST),
        ("taker_buy_volume", LEAST),
        ("taker_buy_quote_volume", -LEAST),
    ],
)
def test_a_kline_off_by_the_least_is_told(make: Make, field: str, by: Decimal | int) -> None:
    trades = minutes(make)
    klines = make.klines(trades).with_row_index()
    value = pl.when(pl.col("index") == 3).then(pl.col(field) + by).otherwise(pl.col(field))
    wrong = klines.with_columns(value.alias(field)).drop("index").cast(KLINES.schema)
    verdict = judged(make, trades, wrong)
    assert not verdict.passed
    assert verdict.evidence["intervals"] == {"1m": {"equal": 1_439, "differ": 1, "uncovered": 0}}
    (shown,) = verdict.evidence["differ"]  # type: ignore[misc]
    assert shown["ts_open"] == "2024-07-24T00:03:00.000000+00:00"
    assert set(shown["trades"]) == set(shown["klines"]) == {field}
    assert Decimal(shown["klines"][field]) - Decimal(shown["trades"][field]) == by


def test_it_is_a_full_comparison_of_both_sides(make: Make) -> None:
    """A trade without a kline between others, and a kline whose trades are not held."""
    trades = minutes(make)
    klines = make.klines(trades)
    verdict = judged(make, trades, klines.filter(pl.col("ts_open") != klines["ts_open"][4]))
    assert verdict.evidence["intervals"] == {"1m": {"equal": 1_439, "differ": 1, "uncovered": 0}}
    assert verdict.evidence["differ"][0]["klines"]["volume"] is None  # type: ignore[index]
    verdict = judged(make, trades.slice(2), klines)
    assert verdict.evidence["differ"][0]["trades"]["trade_count"] == 0  # type: ignore[index]


def test_klines_of_a_part_of_the_day_judge_only_that(make: Make) -> None:
    trades = minutes(make)
    verdict = judged(make, trades, make.klines(trades)[3:7])
    assert verdict.passed
    assert verdict.evidence["whole_day"] is False
    assert verdict.evidence["intervals"] == {"1m": {"equal": 4, "differ": 0, "uncovered": 2}}


def test_a_day_without_trades_adds_up_to_klines_of_none(make: Make) -> None:
    none = make.trades([])
    assert judged(make, none, make.klines(none)).evidence["whole_day"] is True
    assert not judged(make, none, make.klines(make.trades([5]))).passed


def test_without_klines_it_is_not_checked(make: Make) -> None:
    trades = minutes(make)
    strange = make.klines(trades).with_columns(interval=pl.lit("3m"))
    for klines in (None, strange):
        assert judged(make, trades, klines).evidence == {"checked": False}


def test_without_trades_it_cannot_be_judged(make: Make) -> None:
    verdict = judged(make, None, make.klines(make.trades()))
    assert "cannot be judged: no trades are stored" in verdict.message


def test_at_most_twenty_bars_are_shown(make: Make) -> None:
    trades = make.trades(range(40), us=[at * 60 * SECOND_US for at in range(40)])
    doubled = replace(make.day(trades), klines=make.klines(trades.head(1)).lazy())
    verdict = make.judge("raw_trades", NAME, doubled)
    assert len(verdict.evidence["differ"]) == 20  # type: ignore[arg-type]
    assert verdict.evidence["intervals"]["1m"]["differ"] == 39  # type: ignore[index]
