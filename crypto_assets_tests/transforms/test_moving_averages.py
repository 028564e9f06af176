"""Moving averages: what a slow hand computes, and nothing of what comes later."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.tables import AVERAGE, FETCHED, PRICE
from crypto_assets.transforms.moving_averages import (
    average_of,
    exponential_average,
    simple_average,
)

prices = st.one_of(
    st.none(),
    st.decimals("0.00000001", "9999999999", places=8, allow_nan=False),
)
some_prices = st.lists(prices, max_size=40)
windows = st.integers(1, 8)


def column(values: list[Decimal | None], dtype: pl.Decimal = PRICE) -> pl.DataFrame:
    return pl.DataFrame({"price": pl.Series(values, dtype=dtype)})


def simple(values: list[Decimal | None], window: int) -> list[Decimal | None]:
    return column(values).select(simple_average(pl.col("price"), window)).to_series().to_list()


def exponential(values: list[Decimal | None], window: int) -> list[float | None]:
    frame = column(values).select(exponential_average(pl.col("price"), window))
    return frame.to_series().to_list()


def slow_simple(values: list[Decimal | None], window: int) -> list[Fraction | None]:
    found: list[Fraction | None] = []
    for at in range(len(values)):
        those = values[max(0, at - window + 1) : at + 1]
        known = [Fraction(value) for value in those if value is not None]
        found.append(sum(known, Fraction(0)) / window if len(known) == window else None)
    return found


def slow_exponential(values: list[Decimal | None], window: int) -> list[float | None]:
    alpha = Fraction(2, window + 1)
    found: list[float | None] = []
    seen: list[Fraction] = []
    average = Fraction(0)
    for value in values:
        if value is None:
            seen = []
            found.append(None)
            continue
        seen.append(Fraction(value))
        if len(seen) < window:
            found.append(None)
            continue
        if len(seen) == window:
            average = sum(seen, Fraction(0)) / window
        else:
            average += alpha * (seen[-1] - average)
        found.append(float(average))
    return found


def test_a_simple_average_by_hand() -> None:
    found = simple([Decimal(1), Decimal(2), Decimal("4.00000001"), Decimal(5)], 2)
    assert found == [None, Decimal("1.5"), Decimal("3.000000005"), Decimal("4.500000005")]


def test_an_average_that_does_not_divide_out_is_rounded_half_up() -> None:
    (*_, found) = simple([Decimal("0.00000001"), Decimal("0.00000001"), Decimal("0.00000003")], 3)
    assert found == Decimal("0.000000016667")
    assert average_of(PRICE) == AVERAGE


def test_an_exponential_average_by_hand() -> None:
    found = exponential([Decimal(2), Decimal(4), Decimal(6), Decimal(10), Decimal(8)], 3)
    # alpha is a half; it begins with the average of 2, 4 and 6.
    assert found == [None, None, 4.0, 7.0, 7.5]


def test_an_exponential_average_begins_anew_after_a_gap() -> None:
    found = exponential([Decimal(2), Decimal(4), Decimal(9), None, Decimal(6), Decimal(8)], 2)
    assert found == [None, 3.0, pytest.approx(7.0), None, None, 7.0]


def test_prices_of_any_exchange_are_averaged_exactly() -> None:
    values: list[Decimal | None] = [
        Decimal("0.000000000012345678"),
        Decimal("0.000000000012345679"),
    ]
    frame = column(values, FETCHED).select(simple_average(pl.col("price"), 2, FETCHED))
    assert frame.to_series().to_list() == [None, Decimal("0.0000000000123456785")]


@given(some_prices, windows)
def test_simple_averages_are_the_exact_ones(values: list[Decimal | None], window: int) -> None:
    for found, expected in zip(simple(values, window), slow_simple(values, window), strict=True):
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert abs(Fraction(found) - expected) * 2 <= Fraction(1, 10**12)
            if 10**4 % window == 0:
                assert Fraction(found) == expected


@given(some_prices, windows)
def test_exponential_averages_are_the_slow_ones(values: list[Decimal | None], window: int) -> None:
    expected = slow_exponential(values, window)
    # A price that fell by ten powers leaves the digits of what it was.
    digits = max((float(one) for one in values if one is not None), default=0) * 1e-14
    assert exponential(values, window) == [
        None if one is None else pytest.approx(one, rel=1e-12, abs=digits) for one in expected
    ]


@given(some_prices, some_prices, windows)
def test_nothing_that_comes_later_changes_an_average(
    past: list[Decimal | None],
    future: list[Decimal | None],
    window: int,
) -> None:
    assert simple(past + future, window)[: len(past)] == simple(past, window)
    assert exponential(past + future, window)[: len(past)] == exponential(past, window)


@given(some_prices, some_prices, windows)
def test_nothing_before_a_window_changes_a_simple_average(
    before: list[Decimal | None],
    values: list[Decimal | None],
    window: int,
) -> None:
    found = simple(before + values, window)[len(before) + window - 1 :]
    assert found == simple(values, window)[window - 1 :]
