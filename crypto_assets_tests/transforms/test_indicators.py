"""Indicators of a day: held against a slow reference, blind to the future, silent about gaps."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from crypto_assets.model.interval import length_of
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import INDICATORS, PRICE, QUANTITY, TIME, validate
from crypto_assets.transforms.bars import from_trades
from crypto_assets.transforms.indicators import INTERVALS, WINDOWS, indicators

DAY = Partition.of("binance", "BTCUSDT", "2024-05-06")
SECONDS = 86_400


def bars_of(
    partition: Partition, seed: int, missing: tuple[tuple[int, int], ...] = ()
) -> pl.DataFrame:
    """Make a day's bars of 20,000 trades; most seconds have none."""
    chance = np.random.default_rng(seed)
    count = 20_000
    instants = np.sort(chance.integers(0, SECONDS * 1_000_000, count))
    prices = 6_000_000 + np.cumsum(chance.integers(-30, 31, count))
    trades = pl.DataFrame({"us": instants, "cents": prices}).select(
        trade_id=pl.int_range(count, dtype=pl.Int64),
        ts_event=(pl.col("us") + partition.start_us).cast(TIME),
        price=(pl.col("cents").cast(pl.Int128) * 1_000_000).reinterpret(dtype=PRICE),
        quantity=pl.Series(chance.integers(1, 10**9, count))
        .cast(pl.Int128)
        .reinterpret(
            dtype=QUANTITY,
        ),
        is_buyer_maker=pl.Series(chance.random(count) < 0.5),
    )
    kept = pl.all_horizontal(
        *(~pl.col("trade_id").is_between(first, last) for first, last in missing),
        True,
    )
    return from_trades(
        trades.filter(kept).lazy(),
        None,
        partition,
        missing=missing,
        previous_close=Decimal(60_000),
        left_edge_proven=True,
        right_edge_proven=True,
    ).collect()


@pytest.fixture(scope="module")
def before() -> pl.DataFrame:
    return bars_of(DAY.previous, 1)


@pytest.fixture(scope="module")
def today() -> pl.DataFrame:
    return bars_of(DAY, 2)


def of(bars: pl.DataFrame, *before: pl.DataFrame) -> pl.DataFrame:
    return indicators(bars.lazy(), [day.lazy() for day in before], DAY)


class Slow:
    """One interval's indicators, bar by bar in plain Python."""

    def __init__(self, bars: pl.DataFrame, interval: str) -> None:
        self.length = length_of(interval) // 1_000_000
        complete = bars["is_complete"].to_list()
        closes = bars["close"].to_list()
        self.seconds = [c if ok else None for c, ok in zip(closes, complete, strict=True)]
        self.bars = bars
        self.closes = [
            closes[end - 1] if all(complete[end - self.length : end]) else None
            for end in range(self.length, len(closes) + 1, self.length)
        ]

    def sma(self, at: int, window: int) -> Fraction | None:
        those = self.closes[max(0, at + 1 - window) : at + 1]
        if len(those) < window or None in those:
            return None
        return sum((Fraction(one) for one in those if one is not None), Fraction(0)) / window

    def rv(self, at: int, step: int) -> float | None:
        start = at * self.length
        points = [
            self.seconds[k - 1] if k else None for k in range(start, start + self.length + 1, step)
        ]
        if None in self.seconds[max(0, start - step) : start + self.length] or points[0] is None:
            return None
        known = [float(point) for point in points if point is not None]
        returns = [math.log(b / a) for a, b in itertools.pairwise(known)]
        return math.sqrt(math.fsum(one * one for one in returns))

    def volatility(self, at: int, window: int) -> float | None:
        those = self.closes[max(0, at - window) : at + 1]
        if len(those) < window + 1 or None in those:
            return None
        known = [float(one) for one in those if one is not None]
        squares = [math.log(b / a) ** 2 for a, b in itertools.pairwise(known)]
        return math.sqrt(math.fsum(squares) * 365 * 86_400 / (window * self.length))

    def ema(self, at: int, window: int) -> float | None:
        start = at
        while start >= 0 and self.closes[start] is not None:
            start -= 1
        known = [float(one) for one in self.closes[start + 1 : at + 1] if one is not None]
        if len(known) < window:
            return None
        average = math.fsum(known[:window]) / window
        for one in known[window:]:
            average += 2 / (window + 1) * (one - average)
        return average

    def range(self, at: int) -> float | None:
        own = self.bars[at * self.length : (at + 1) * self.length]
        if not own["is_complete"].all():
            return None
        traded = own.filter(pl.col("trade_count") > 0)
        if traded.is_empty():
            return 0.0
        spread = math.log(float(traded["high"].max()) / float(traded["low"].min()))  # type: ignore[arg-type]
        return spread / math.sqrt(4 * math.log(2))


def near(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_day_has_the_indicators_of_the_slow_reference(
    before: pl.DataFrame,
    interval: str,
) -> None:
    today = bars_of(DAY, 2, missing=((4_000, 4_003), (15_000, 15_000)))
    found = of(today, before).filter(interval=interval)
    slow = Slow(pl.concat([before, today]), interval)
    lead = SECONDS // slow.length
    assert found.height == lead
    rows = range(0, lead, max(1, lead // 97))
    for row, one in ((row, found.row(row, named=True)) for row in rows):
        at = lead + row
        assert one["close"] == slow.closes[at]
        for n in WINDOWS:
            sma = slow.sma(at, n)
            assert (None if one[f"sma_{n}"] is None else Fraction(one[f"sma_{n}"])) == sma
            assert one[f"ema_{n}"] == near(slow.ema(at, n))
            assert one[f"volatility_{n}"] == near(slow.volatility(at, n))
        assert one["rv_1s"] == near(slow.rv(at, 1))
        assert one["rv_1m"] == near(slow.rv(at, 60))
        assert one["parkinson"] == near(slow.range(at))


def test_rows_are_as_declared(today: pl.DataFrame, before: pl.DataFrame) -> None:
    found = of(today, before)
    assert found.schema == INDICATORS.schema
    validate(found, INDICATORS)
    assert found.group_by("interval", maintain_order=True).len().rows() == [
        ("1m", 1_440),
        ("5m", 288),
        ("15m", 96),
        ("1h", 24),
        ("1d", 1),
    ]


def test_nothing_that_comes_later_changes_a_row(today: pl.DataFrame, before: pl.DataFrame) -> None:
    noon = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
    other = pl.concat(
        [
            today.filter(pl.col("ts_open") < noon),
            bars_of(DAY, 3).filter(pl.col("ts_open") >= noon),
        ],
    )
    past = (pl.col("ts_open") < noon) & (pl.col("interval") != "1d")
    assert of(other, before).filter(past).equals(of(today, before).filter(past))
    assert not of(other, before).equals(of(today, before))


def test_without_the_day_before_the_first_rows_are_null(today: pl.DataFrame) -> None:
    minutes = of(today).filter(interval="1m")
    for n in WINDOWS:
        assert minutes[f"sma_{n}"].null_count() == n - 1
        assert minutes[f"ema_{n}"].null_count() == n - 1
        assert minutes[f"volatility_{n}"].null_count() == n
    assert minutes["rv_1s"].null_count() == 1


def test_nothing_is_made_up_where_trades_may_be_missing(before: pl.DataFrame) -> None:
    today = bars_of(DAY, 2, missing=((10_000, 10_001),))
    (gap,) = (
        today.filter(~pl.col("is_complete"))
        .select(pl.col("ts_open").dt.truncate("1m").unique())
        .to_series()
        .to_list()[:1]
    )
    minutes = of(today, before).filter(interval="1m")
    lost = minutes.filter(pl.col("close").is_null())
    assert gap in lost["ts_open"]
    row = minutes.with_row_index().filter(ts_open=gap)["index"][0]
    nulls = ("sma_20", "ema_20", "volatility_20", "log_return", "rv_1s", "rv_1m", "parkinson")
    for name in (*nulls, "garman_klass", "vwap_so_far"):
        assert minutes[name][row] is None, name
    after = row + lost.height
    for name in ("rv_1m", "log_return"):
        assert minutes[name][after] is None, "the return across the gap"
        assert minutes[name][after + 1] is not None
    assert minutes["sma_20"][after + 18] is None
    assert minutes["sma_20"][after + 19] is not None
    assert minutes["vwap_so_far"][row:].null_count() == 1_440 - row


def test_the_average_price_so_far_is_exact(today: pl.DataFrame, before: pl.DataFrame) -> None:
    minutes = of(today, before).filter(interval="1m")
    for row in (0, 7, 719, 1_439):
        seconds = today.head((row + 1) * 60)
        exact = Fraction(seconds["quote_volume"].sum()) / Fraction(seconds["volume"].sum())
        assert abs(Fraction(minutes["vwap_so_far"][row]) - exact) * 2 <= Fraction(1, 10**8)
