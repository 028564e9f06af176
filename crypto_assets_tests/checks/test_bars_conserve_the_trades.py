"""B3."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.checks.bars_conserve_the_trades import CHECK
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "bars_conserve_the_trades"


@pytest.mark.parametrize("asset", ["bars_1s", "daily_bars"])
def test_bars_of_the_trades_pass(make: Make, asset: str) -> None:
    verdict = make.judge(asset, NAME, make.day(make.trades()))
    assert verdict.passed
    assert verdict.evidence["volume"] == "1.00000000"
    assert make.judge(asset, NAME, make.day(make.trades([]))).passed
    assert make.judge(asset, NAME, make.day(make.trades([5]))).passed


def test_a_product_is_rounded_half_up_once_a_trade(make: Make) -> None:
    trades = make.trades([1, 2], us=[0, 1], prices=["0.00000001"] * 2, quantities=["0.5"] * 2)
    verdict = make.judge("bars_1s", NAME, make.day(trades))
    assert verdict.passed
    assert verdict.evidence["quote_volume"] == "0.00000002"


def test_a_trade_that_the_bars_lack_fails(make: Make) -> None:
    day = replace(make.day(make.trades()), bars=make.bars(make.trades([100, 101, 102])).lazy())
    verdict = make.judge("bars_1s", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    differ = verdict.evidence["differ"]
    assert isinstance(differ, dict)
    assert differ["trade_count"] == {"bars": 3, "trades": 4}
    assert differ["volume"] == {"bars": "0.60000000", "trades": "1.00000000"}
    assert "taker_buy_volume" not in differ


@pytest.mark.parametrize(
    "field",
    ["volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"],
)
def test_the_last_decimal_counts(make: Make, field: str) -> None:
    bars = make.bars(make.trades())
    least = pl.lit(1).cast(pl.Int128).reinterpret(dtype=bars.schema[field])
    first = pl.col("ts_open") == pl.col("ts_open").min()
    bars = bars.with_columns(
        (pl.col(field) + pl.when(first).then(least).otherwise(least - least))
        .cast(bars.schema[field])
        .alias(field),
    )
    verdict = make.judge("bars_1s", NAME, replace(make.day(make.trades()), bars=bars.lazy()))
    assert not verdict.passed
    assert list(verdict.evidence["differ"]) == [field]  # type: ignore[call-overload]


def test_without_trades_to_hold_them_against_it_fails(make: Make) -> None:
    assert not make.judge("bars_1s", NAME, replace(make.day(make.trades()), trades=None)).passed


@settings(max_examples=20, deadline=None)
@given(
    trades=st.lists(
        st.tuples(
            st.integers(0, 5_000_000),
            st.decimals("0.00000001", 10**6, places=8),
            st.decimals("0.00000001", 10**9, places=8),
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_bars_computed_trade_by_trade_always_conserve(
    make: Make,
    trades: list[tuple[int, object, object]],
) -> None:
    times, prices, quantities = zip(*sorted(trades, key=lambda trade: trade[0]), strict=True)
    frame = make.trades(
        range(len(trades)), times, [str(p) for p in prices], [str(q) for q in quantities]
    )
    day = make.day(frame)
    assert day.bars is not None
    measured = day.bars.select(**CHECK.measures).collect().row(0, named=True)
    assert CHECK.judge(day, measured).passed
