"""Volatility: by hand, by a slow reference, and by nothing that comes later."""

from __future__ import annotations

import math
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.tables import PRICE
from crypto_assets.transforms.volatility import (
    annualised,
    garman_klass,
    log_returns,
    parkinson,
    realized_volatility,
)

prices = st.one_of(
    st.none(),
    st.decimals("0.00000001", "9999999999", places=8, allow_nan=False),
)
some_prices = st.lists(prices, max_size=40)


def returns_of(values: list[Decimal | None]) -> list[float | None]:
    frame = pl.DataFrame({"price": pl.Series(values, dtype=PRICE)})
    return frame.select(log_returns(pl.col("price"))).to_series().to_list()


def volatility(returns: list[float | None], window: int) -> list[float | None]:
    frame = pl.DataFrame({"r": pl.Series(returns, dtype=pl.Float64)})
    return frame.select(realized_volatility(pl.col("r"), window)).to_series().to_list()


def of_bar(expression: pl.Expr, **values: str) -> float:
    columns = {name: pl.Series([Decimal(value)], dtype=PRICE) for name, value in values.items()}
    return float(pl.DataFrame(columns).select(expression).item())


def slow_returns(values: list[Decimal | None]) -> list[float | None]:
    found: list[float | None] = []
    before: Decimal | None = None
    for value in values:
        known = value is not None and before is not None
        found.append(float((value / before).ln()) if known else None)  # type: ignore[operator]
        before = value
    return found


def test_a_tick_at_a_high_price_keeps_its_digits() -> None:
    (_, found) = returns_of([Decimal("60000.00"), Decimal("60000.01")])
    assert found == pytest.approx(1.6666665277777795e-07, rel=1e-15)


def test_realized_volatility_by_hand() -> None:
    assert volatility([None, 0.03, 0.04, 0.0, 0.12], 2) == [
        None,
        None,
        pytest.approx(0.05),
        pytest.approx(0.04),
        pytest.approx(0.12),
    ]


def test_a_year_has_365_days_of_86400_seconds() -> None:
    found = pl.select(annualised(pl.lit(0.01), 86_400)).item()
    assert found == pytest.approx(0.01 * math.sqrt(365))


def test_range_estimators_by_hand() -> None:
    found = of_bar(parkinson(pl.col("h"), pl.col("l")), h="110", l="100")
    assert found == pytest.approx(math.log(1.1) / math.sqrt(4 * math.log(2)))
    four = garman_klass(pl.col("o"), pl.col("h"), pl.col("l"), pl.col("c"))
    found = of_bar(four, o="102", h="110", l="100", c="105")
    squared = 0.5 * math.log(1.1) ** 2 - (2 * math.log(2) - 1) * math.log(105 / 102) ** 2
    assert found == pytest.approx(math.sqrt(squared))


def test_a_bar_that_does_not_move_has_no_volatility() -> None:
    four = garman_klass(pl.col("o"), pl.col("h"), pl.col("l"), pl.col("c"))
    assert of_bar(four, o="5", h="5", l="5", c="5") == 0
    assert of_bar(parkinson(pl.col("h"), pl.col("l")), h="5", l="5") == 0


@given(some_prices)
def test_log_returns_are_the_slow_ones(values: list[Decimal | None]) -> None:
    assert returns_of(values) == [
        None if one is None else pytest.approx(one, rel=1e-9, abs=1e-15)
        for one in slow_returns(values)
    ]


@given(
    st.lists(st.one_of(st.none(), st.floats(-5, 5)), max_size=40),
    st.integers(1, 8),
)
def test_realized_volatility_is_the_slow_one(returns: list[float | None], window: int) -> None:
    expected: list[float | None] = []
    for at in range(len(returns)):
        those = returns[max(0, at - window + 1) : at + 1]
        known = [one**2 for one in those if one is not None]
        expected.append(math.sqrt(math.fsum(known)) if len(known) == window else None)
    assert volatility(returns, window) == [
        None if one is None else pytest.approx(one, rel=1e-9, abs=1e-13) for one in expected
    ]


@given(some_prices, some_prices, st.integers(1, 8))
def test_nothing_outside_its_window_changes_a_volatility(
    past: list[Decimal | None],
    future: list[Decimal | None],
    window: int,
) -> None:
    whole = volatility(returns_of(past + future), window)
    assert whole[: len(past)] == volatility(returns_of(past), window)
    assert whole[len(past) + window :] == volatility(returns_of(future), window)[window:]
