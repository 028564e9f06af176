"""Averages over days: a day that is not there is never averaged across."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from crypto_assets.model.tables import FETCHED, PRICE
from crypto_assets.transforms.over_days import columns_over_days, over_days

FIRST = dt.date(2024, 1, 1)


def days(symbol: str, closes: dict[int, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": [symbol] * len(closes),
            "date": [FIRST + dt.timedelta(days=at) for at in closes],
            "close": [None if one is None else Decimal(one) for one in closes.values()],
        },
        schema={"symbol": pl.String(), "date": pl.Date(), "close": PRICE},
    )


def over(*frames: pl.DataFrame) -> pl.DataFrame:
    lazy = pl.concat(frames).lazy()
    return over_days(lazy, ["symbol"], "close", PRICE).collect()


def test_series_are_computed_apart_in_order_of_date() -> None:
    rising = {at: str(100 + at) for at in range(30)}
    falling = {at: str(200 - at) for at in range(30)}
    mixed = pl.concat([days("A", rising), days("B", falling)]).sample(fraction=1, shuffle=True)
    found = over(mixed).filter(symbol="A")
    assert found["date"].is_sorted()
    assert found["sma_20"].null_count() == 19
    assert Fraction(found["sma_20"][29]) == Fraction(sum(range(110, 130)), 20)
    assert found["log_return"][1] == pytest.approx(math.log(101 / 100))
    squares = [math.log((100 + at) / (99 + at)) ** 2 for at in range(10, 30)]
    assert found["volatility_20"][29] == pytest.approx(math.sqrt(math.fsum(squares) * 365 / 20))
    assert found.schema == pl.Schema(
        {"symbol": pl.String(), "date": pl.Date(), **columns_over_days("close", PRICE)},
    )


def test_a_day_that_is_lacking_or_unknown_is_not_bridged() -> None:
    lacking = {at: "5" for at in range(60) if at != 30}
    unknown: dict[int, str | None] = {**dict.fromkeys(range(60), "5"), 30: None}
    for closes in (lacking, unknown):
        found = over(days("A", closes))
        at = {row["date"]: row for row in found.iter_rows(named=True)}
        assert len(at) == len(closes), "no day is made up"
        assert at[FIRST + dt.timedelta(days=29)]["sma_20"] == 5
        assert at[FIRST + dt.timedelta(days=49)]["sma_20"] is None
        assert at[FIRST + dt.timedelta(days=50)]["sma_20"] == 5
        assert at[FIRST + dt.timedelta(days=31)]["log_return"] is None


def test_a_filter_behind_it_leaves_the_windows_alone() -> None:
    last = FIRST + dt.timedelta(days=29)
    lazy = days("A", dict.fromkeys(range(30), "5")).lazy()
    found = over_days(lazy, ["symbol"], "close", PRICE).filter(date=last).select("sma_20")
    assert found.collect()["sma_20"].to_list() == [Decimal(5)]


def test_nothing_gives_nothing_with_every_column() -> None:
    empty = days("A", {}).cast({"close": FETCHED}).lazy()
    found = over_days(empty, ["symbol"], "close", FETCHED).collect()
    assert found.is_empty()
    assert found.schema["sma_20"] == pl.Decimal(38, 22)
