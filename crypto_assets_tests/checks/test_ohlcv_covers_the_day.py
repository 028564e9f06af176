"""O1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.checks.day import Day
from crypto_assets.model.interval import length_of
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "ohlcv_covers_the_day"


def test_a_bar_an_interval_passes(make: Make) -> None:
    verdict = make.judge("ohlcv", NAME, make.fetched(make.ohlcv()))
    assert verdict.passed
    assert "cover the day" in verdict.message


def test_missing_doubled_and_misplaced_bars_are_listed(make: Make) -> None:
    odd = make.ohlcv(slots=[7]).with_columns(pl.col("ts_open").dt.offset_by("1s"))
    bars = pl.concat([make.ohlcv(slots=[-1, 0, 1, 5, 5, 23]), odd])
    verdict = make.judge("ohlcv", NAME, make.fetched(bars))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    hour = length_of("1h")
    assert verdict.evidence["intervals"] == {
        "1h": {
            "expected": 24,
            "covered": 4,
            "doubled": 1,
            "misplaced": 2,
            "missing_us": [
                [make.start + first * hour, make.start + last * hour]
                for first, last in ((2, 4), (6, 22))
            ],
        },
    }


def test_each_fault_alone_is_warned_of(make: Make) -> None:
    for bars in (
        make.ohlcv(slots=range(23)),
        make.ohlcv(slots=[*range(24), 23]),
        make.ohlcv(slots=range(-1, 24)),
        make.ohlcv(slots=[]),
    ):
        assert not make.judge("ohlcv", NAME, make.fetched(bars)).passed


def test_a_day_that_goes_on_is_covered_as_far_as_it_is_finished(make: Make) -> None:
    verdict = make.judge("ohlcv", NAME, make.fetched(make.ohlcv(slots=range(5)), slots=5))
    assert verdict.passed
    assert "so far" in verdict.message
    assert not make.judge("ohlcv", NAME, make.fetched(make.ohlcv(slots=range(4)), slots=5)).passed


def test_bars_that_do_not_say_until_when_they_are_finished_are_not_judged(make: Make) -> None:
    assert not make.judge("ohlcv", NAME, make.fetched(make.ohlcv("1m"))).passed
    assert not make.judge("ohlcv", NAME, Day(partition=make.partition)).passed
