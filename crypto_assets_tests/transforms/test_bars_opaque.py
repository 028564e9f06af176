"""Bars of trades whose ids follow the time to the millisecond only, and prove nothing."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TIME
from crypto_assets.transforms.bars import from_trades
from crypto_assets.transforms.completeness import SECONDS, measured_seconds

DAY = Partition.of("bybit", "BTCUSDT", "2024-05-06")
Row = tuple[int, int, int]
"""Microseconds since midnight, head of the name, price."""
TIMES = st.integers(0, 40).map(lambda at: at * 100_100)
rows = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda at: at * 100_100), st.integers(0, 3), st.integers(1, 9)
    ),
    min_size=1,
    max_size=12,
)


def bars(found: list[Row], measured: tuple[Range, ...] = ()) -> pl.DataFrame:
    by_id = sorted(found, key=lambda row: (row[0] // 1_000, row[1]))
    trades = pl.LazyFrame(
        {
            "trade_id": [(us // 1_000 << 22) + head for us, head, _ in by_id],
            "ts_event": [DAY.start_us + us for us, _, _ in by_id],
            "price": [Decimal(price) for _, _, price in by_id],
            "quantity": [Decimal(1)] * len(by_id),
            "is_buyer_maker": [True] * len(by_id),
        },
        schema_overrides={"price": pl.Decimal(18, 8), "quantity": pl.Decimal(28, 8)},
    ).with_columns(pl.col("ts_event").cast(TIME))
    return from_trades(
        trades,
        None,
        DAY,
        in_time_order=True,
        numbering=Numbering.OPAQUE,
        measured=measured,
    ).collect(engine="streaming")


@settings(max_examples=40, deadline=None)
@given(rows)
def test_open_is_the_earliest_price_and_close_the_latest(found: list[Row]) -> None:
    by_id = sorted(found, key=lambda row: (row[0] // 1_000, row[1]))
    traded = bars(found).filter(pl.col("trade_count") > 0)
    for bar in traded.iter_rows(named=True):
        second = bar["ts_open"].second
        mine = [row for row in by_id if row[0] // SECOND_US == second]
        first, last = min(us for us, _, _ in mine), max(us for us, _, _ in mine)
        assert bar["open"] == next(price for us, _, price in mine if us == first)
        assert bar["close"] == next(price for us, _, price in reversed(mine) if us == last)
        assert (bar["low"], bar["high"]) == (min(r[2] for r in mine), max(r[2] for r in mine))
        assert bar["trade_count"] == len(mine)
    assert traded["trade_count"].sum() == len(found)


def test_no_second_is_complete_unless_it_was_measured() -> None:
    assert not bars([(0, 0, 5)])["is_complete"].any()
    minute = (DAY.start_us, DAY.start_us + 60 * SECOND_US - 1)
    found = bars([(0, 0, 5)], (minute,))
    assert found["is_complete"].to_list() == [second < 60 for second in range(SECONDS)]
    assert found["close"].null_count() == SECONDS - 60


@pytest.mark.parametrize("edge", [-1, 0, 1])
def test_a_second_counts_only_where_all_of_it_was_measured(edge: int) -> None:
    span = (DAY.start_us + 3 * SECOND_US + edge, DAY.start_us + 5 * SECOND_US - 1)
    found = measured_seconds((span,), DAY.start_us).arg_true().to_list()
    assert found == ([4] if edge > 0 else [3, 4])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-2, SECONDS + 1), max_size=6))
def test_measured_seconds_are_those_of_any_spans(at: list[int]) -> None:
    spans = Coverage.of(
        (DAY.start_us + one * SECOND_US, DAY.start_us + (one + 1) * SECOND_US - 1) for one in at
    )
    found = measured_seconds(spans.ranges, DAY.start_us)
    assert len(found) == SECONDS
    assert found.arg_true().to_list() == sorted({one for one in at if 0 <= one < SECONDS})
