"""P1."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.checks.condition import conclude
from crypto_assets.checks.day import Day
from crypto_assets.checks.evaluate import evaluate
from crypto_assets.checks.measures import measured, proven_spans
from crypto_assets.model.interval import DAY_US, SECOND_US, Interval
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import KLINES, QUANTITY
from crypto_assets.model.verdict import Condition, Severity
from crypto_assets_tests.checks.conftest import Make

NAME = "klines_measure_every_trade"
UNPUBLISHED = ("trade_count", "taker_buy_volume", "taker_buy_quote_volume")


def published(klines: pl.DataFrame) -> pl.DataFrame:
    """Klines of a venue that publishes neither counts nor what takers bought."""
    return klines.with_columns(
        pl.lit(None, dtype=KLINES.schema[name]).alias(name) for name in UNPUBLISHED
    )


def unnumbered(day: Day) -> Day:
    return replace(day, numbering=Numbering.OPAQUE, previous=None, next=None)


def at(make: Make, us: int, volume: str) -> pl.DataFrame:
    """The day's klines with another volume in the minute of an instant."""
    opens = (pl.col("ts_open").to_physical() - make.start) == us // 60_000_000 * 60_000_000
    changed = pl.when(opens).then(pl.lit(Decimal(volume), QUANTITY)).otherwise("volume")
    return published(make.klines(make.trades())).with_columns(volume=changed)


def test_equal_sums_prove_the_day(make: Make) -> None:
    trades = make.trades()
    day = unnumbered(make.day(trades, klines=published(make.klines(trades))))
    verdict = make.judge("verdicts", NAME, day)
    assert verdict.passed
    assert verdict.evidence == {
        "proof": "volume",
        "ids": "opaque",
        "whole_day": True,
        "intervals": {
            "1m": {
                "klines": 1_440,
                "equal": 1_440,
                "differ": 0,
                "without_kline": 0,
                "whole_day": True,
            },
        },
        "differ": [],
    }
    assert conclude([verdict], day) is Condition.CONFIRMED


@pytest.mark.parametrize("field", ["volume", "quote_volume"])
def test_another_sum_fails_and_names_its_minute(make: Make, field: str) -> None:
    trades = make.trades()
    klines = published(make.klines(trades)).with_columns(
        pl.when(pl.int_range(pl.len()) == 0)
        .then(pl.col(field) + Decimal("0.00000001"))
        .otherwise(field)
        .cast(QUANTITY)
        .alias(field),
    )
    day = unnumbered(make.day(trades, klines=klines))
    verdict = make.judge("verdicts", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    (shown,) = verdict.evidence["differ"]  # type: ignore[misc]
    assert shown["ts_open"].startswith("2024-07-24T00:00:00")
    assert shown["ours"] != shown["theirs"]
    assert "2024-07-24T00:00:00" in verdict.message
    assert conclude([verdict], day) is Condition.DEGRADED


def test_a_trade_in_a_minute_the_exchange_calls_quiet_fails(make: Make) -> None:
    verdict = make.judge(
        "verdicts",
        NAME,
        unnumbered(make.day(make.trades(), klines=at(make, 0, "0"))),
    )
    assert verdict.evidence["differ"]


def test_klines_of_a_part_of_the_day_prove_that_part(make: Make) -> None:
    trades = make.trades()
    day = unnumbered(make.day(trades, klines=published(make.klines(trades)).head(60)))
    verdict = make.judge("verdicts", NAME, day)
    assert verdict.passed
    assert verdict.evidence["whole_day"] is False
    assert conclude([verdict], day) is Condition.PROVISIONAL


def test_a_day_without_a_trade_that_klines_prove_is_halted(make: Make) -> None:
    none = make.trades([])
    day = unnumbered(make.day(none, klines=published(make.klines(none))))
    verdict = make.judge("verdicts", NAME, day)
    assert verdict.passed
    assert conclude([verdict], day) is Condition.HALTED


def test_nothing_to_judge_is_not_checked(make: Make) -> None:
    trades = make.trades()
    numbered = make.day(trades, klines=make.klines(trades))
    assert make.judge("verdicts", NAME, numbered).evidence == {"checked": False}
    alone = unnumbered(make.day(trades))
    assert make.judge("verdicts", NAME, alone).evidence == {"checked": False}
    verdicts = evaluate("verdicts", alone)
    assert conclude(verdicts, alone) is Condition.PROVISIONAL


@settings(max_examples=30, deadline=None)
@given(
    us=st.lists(st.integers(0, DAY_US - 1), min_size=1, max_size=12),
    lost=st.sets(st.integers(0, 11), max_size=3),
)
def test_the_spans_proven_are_those_no_lost_trade_lies_in(us: list[int], lost: set[int]) -> None:
    make = Make()
    trades = make.trades(range(len(us)), sorted(us))
    held = trades.filter(~pl.col("trade_id").is_in(list(lost)))
    klines = published(make.klines(trades)).lazy()
    spans = proven_spans(held.lazy(), klines)
    pairs = measured(held.lazy(), klines, Interval.MINUTE)
    assert pairs.height == 1_440
    wrong = {at // (60 * SECOND_US) for number, at in enumerate(sorted(us)) if number in lost}
    assert set(pairs.with_row_index().filter(~pl.col("is_equal"))["index"]) == wrong
    assert sum(last - first + 1 for first, last in spans) == DAY_US - len(wrong) * 60 * SECOND_US
