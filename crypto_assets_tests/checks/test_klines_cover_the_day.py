"""K1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.model.interval import Interval
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "klines_cover_the_day"


def test_one_kline_an_interval_passes(make: Make) -> None:
    trades = make.trades()
    klines = pl.concat([make.klines(trades), make.klines(trades, Interval.FOUR_HOURS)])
    verdict = make.judge("klines", NAME, make.day(klines=klines))
    assert verdict.passed
    intervals = verdict.evidence["intervals"]
    assert isinstance(intervals, dict)
    assert intervals["4h"] == {"expected": 6, "covered": 6, "doubled": 0, "misplaced": 0}


def test_missing_doubled_and_misplaced_klines_are_counted(make: Make) -> None:
    klines = make.klines(make.trades())
    klines = pl.concat(
        [
            klines.slice(3),
            klines.tail(1),
            klines.head(1).with_columns(pl.col("ts_open").dt.offset_by("1s")),
            klines.head(1).with_columns(pl.col("ts_open").dt.offset_by("-1m")),
        ],
    )
    verdict = make.judge("klines", NAME, make.day(klines=klines))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence["intervals"] == {
        "1m": {"expected": 1_440, "covered": 1_437, "doubled": 1, "misplaced": 2},
    }


def test_a_doubled_and_a_misplaced_kline_alone_are_warned_of(make: Make) -> None:
    klines = make.klines(make.trades())
    misplaced = klines.head(1).with_columns(pl.col("ts_open").dt.offset_by("1s"))
    for more in (klines.head(1), misplaced):
        day = make.day(klines=pl.concat([klines, more]))
        assert not make.judge("klines", NAME, day).passed


def test_an_unknown_interval_and_no_kline_at_all_are_warned_of(make: Make) -> None:
    klines = make.klines(make.trades())
    strange = klines.with_columns(interval=pl.lit("3m"))
    assert make.judge("klines", NAME, make.day(klines=strange)).evidence["unknown"] == ["3m"]
    assert not make.judge("klines", NAME, make.day(klines=klines.head(0))).passed
    assert not make.judge("klines", NAME, make.day()).passed


def test_real_klines_cover_their_day(make: Make) -> None:
    btc = make.of("BTCUSDT", "2024-01-01")
    _, klines = btc.btc()
    assert btc.judge("klines", NAME, btc.day(klines=klines)).passed
