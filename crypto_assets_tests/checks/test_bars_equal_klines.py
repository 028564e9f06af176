"""B7."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import PRICE
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.model.verdict import Verdict
    from crypto_assets_tests.checks.conftest import Make

NAME = "bars_equal_klines"
FIRST = pl.col("ts_open") == pl.col("ts_open").min()


def counts(verdict: Verdict, interval: str = "1m") -> dict[str, int]:
    """How many pairs there are of each kind, zeros left out."""
    intervals = verdict.evidence["intervals"]
    assert isinstance(intervals, dict)
    return {kind: count for kind, count in intervals[interval].items() if count}


@pytest.mark.parametrize("asset", ["bars_1s", "daily_bars"])
def test_equal_bars_pass_over_the_whole_day(make: Make, asset: str) -> None:
    trades = make.trades()
    verdict = make.judge(asset, NAME, make.day(trades, klines=make.klines(trades)))
    assert verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["whole_day"] is True
    assert counts(verdict) == {"matched": 1_440}


def test_every_stored_interval_is_compared(make: Make) -> None:
    trades = make.trades()
    klines = pl.concat([make.klines(trades), make.klines(trades, Interval.SECOND)])
    verdict = make.judge("bars_1s", NAME, make.day(trades, klines=klines))
    assert verdict.passed
    assert counts(verdict, "1s") == {"matched": 86_400}


def test_klines_before_the_first_trade_carry_a_price_of_yesterday_and_pass(make: Make) -> None:
    trades = make.trades([1], us=[7_000_000_000])
    verdict = make.judge("bars_1s", NAME, make.day(trades, klines=make.klines(trades)))
    assert verdict.passed
    assert verdict.evidence["whole_day"] is True


def test_a_price_of_ours_in_a_quiet_minute_is_compared(make: Make) -> None:
    trades = make.trades()
    klines = make.klines(trades).with_columns(
        close=pl.when(pl.col("trade_count") > 0).then("close").otherwise(pl.lit(Decimal(9), PRICE)),
    )
    verdict = make.judge("bars_1s", NAME, make.day(trades, klines=klines))
    assert counts(verdict) == {"matched": 1, "differ": 1_439}


@pytest.mark.parametrize(
    "field",
    [
        "open",
        "high",
        "low",
        "close",
        "volume",
        "quote_volume",
        "trade_count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
    ],
)
def test_any_field_that_differs_by_its_last_place_fails(make: Make, field: str) -> None:
    trades = make.trades()
    klines = make.klines(trades)
    least = 1 if field == "trade_count" else Decimal("0.00000001")
    klines = klines.with_columns(
        pl.when(FIRST)
        .then((pl.col(field) + least).cast(klines.schema[field]))
        .otherwise(field)
        .alias(field),
    )
    verdict = make.judge("bars_1s", NAME, make.day(trades, klines=klines))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert counts(verdict) == {"matched": 1_439, "differ": 1}
    assert verdict.evidence["whole_day"] is False
    examples = verdict.evidence["examples"]
    assert isinstance(examples, list)
    assert examples[0]["ts_open"] == "2024-07-24T00:00:00.000000+00:00"
    assert list(examples[0]["ours"]) == [field]
    assert "E" not in str(examples[0])


def test_trades_that_only_the_klines_have_fail(make: Make) -> None:
    verdict = make.judge(
        "bars_1s", NAME, make.day(make.trades([]), klines=make.klines(make.trades()))
    )
    assert not verdict.passed
    assert counts(verdict) == {"matched": 1_439, "only_theirs": 1}


def test_trades_that_only_we_have_fail(make: Make) -> None:
    verdict = make.judge(
        "bars_1s", NAME, make.day(make.trades(), klines=make.klines(make.trades([])))
    )
    assert not verdict.passed
    assert counts(verdict)["only_ours"] == 1


def test_a_kline_without_our_bar_fails(make: Make) -> None:
    trades = make.trades()
    day = make.day(trades, klines=make.klines(trades))
    day = replace(day, rolled={"1m": day.rolled["1m"].filter(~FIRST)})
    assert counts(make.judge("bars_1s", NAME, day)) == {"matched": 1_439, "only_theirs": 1}


def test_our_trades_where_a_kline_lacks_between_others_fail(make: Make) -> None:
    trades = make.trades([1, 2], us=[0, 90_000_000])
    klines = make.klines(trades)
    day = make.day(trades, klines=pl.concat([klines.head(1), klines.slice(2)]))
    assert counts(make.judge("bars_1s", NAME, day)) == {"matched": 1_439, "only_ours": 1}


def test_klines_of_a_part_of_the_day_pass_for_that_part_only(make: Make) -> None:
    trades = make.trades([1, 2], us=[0, 80_000_000_000])
    verdict = make.judge("bars_1s", NAME, make.day(trades, klines=make.klines(trades).head(700)))
    assert verdict.passed
    assert verdict.evidence["whole_day"] is False
    assert counts(verdict) == {"matched": 700, "uncovered": 740}


def test_klines_of_a_wrong_unit_fail(make: Make) -> None:
    klines = make.klines(make.trades())
    nanoseconds = klines.with_columns(
        (pl.col("ts_open").to_physical() * 1_000).cast(klines.schema["ts_open"]),
    )
    verdict = make.judge("bars_1s", NAME, make.day(make.trades(), klines=nanoseconds))
    assert not verdict.passed
    assert counts(verdict) == {"only_theirs": 1_440, "uncovered": 1_440}
    examples = verdict.evidence["examples"]
    assert isinstance(examples, list)
    assert examples[0]["ts_open"].startswith("+56531-")


def test_five_examples_of_each_fault_are_shown(make: Make) -> None:
    trades = make.trades(range(20), us=[at * 60_000_000 for at in range(20)])
    klines = make.klines(trades).with_columns(volume=pl.col("volume") * 2)
    klines = klines.cast(make.klines(trades).schema)
    verdict = make.judge("bars_1s", NAME, make.day(trades, klines=klines))
    examples = verdict.evidence["examples"]
    assert isinstance(examples, list)
    assert len(examples) == 5
    assert examples[0]["ours"] == {"volume": "0.10000000"}
    assert examples[0]["theirs"] == {"volume": "0.20000000"}


def test_without_klines_it_is_not_checked(make: Make) -> None:
    assert make.judge("bars_1s", NAME, make.day(make.trades())).evidence == {"checked": False}
    strange = make.klines(make.trades()).with_columns(interval=pl.lit("3m"))
    day = make.day(make.trades(), klines=strange)
    assert make.judge("bars_1s", NAME, day).evidence == {"checked": False}


def test_without_our_bars_of_a_stored_interval_it_fails(make: Make) -> None:
    trades = make.trades()
    day = replace(make.day(trades, klines=make.klines(trades)), rolled={})
    verdict = make.judge("bars_1s", NAME, day)
    assert not verdict.passed
    assert "not rolled up to 1m" in verdict.message
    assert not make.judge("bars_1s", NAME, replace(day, bars=None)).passed


def test_real_trades_equal_the_exchanges_own_klines(make: Make) -> None:
    """Half an hour of 16,701 trades against the exchange's klines of that half hour."""
    btc = make.of("BTCUSDT", "2024-01-01")
    trades, klines = btc.btc()
    # The last trade lies at exactly 12:30 and so in a minute of which the rest is not there.
    half = klines.filter(pl.col("ts_open").dt.hour() == 12, pl.col("ts_open").dt.minute() < 30)
    verdict = btc.judge("bars_1s", NAME, btc.day(trades, klines=half))
    assert verdict.passed, verdict.evidence
    assert counts(verdict) == {"matched": 30, "uncovered": 1_410}
    torn = make.judge("bars_1s", NAME, btc.day(trades, klines=klines))
    assert counts(torn) == {"matched": 30, "only_theirs": 1_409, "differ": 1}
