"""One instrument on one UTC day."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition, parse_date

BTC = Instrument("binance", "BTCUSDT")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-13-01",
        "2024-02-30",
        "20240724",
        "2024-7-24",
        "2024-07-24 ",
        "2024-07-24\n",
        "2024-W30-3",
        "../2024-07-24",
        "2024-07-24T00",
        "\u0662\u0660\u0662\u0664-\u0660\u0667-\u0662\u0664",
    ],
)
def test_a_date_that_is_not_exactly_year_month_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="expected YYYY-MM-DD"):
        parse_date(text)


@given(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)))
def test_a_date_survives_being_written_and_read(date: dt.date) -> None:
    assert parse_date(date.isoformat()) == date


@given(st.integers(0, 80_000), st.integers(0, DAY_US - 1))
def test_every_microsecond_lies_in_exactly_one_partition(day: int, within: int) -> None:
    at = day * DAY_US + within
    found = Partition.of_day(BTC, at // DAY_US)
    assert found.start_us <= at < found.end_us
    assert found.end_us == found.next.start_us
    assert found.next.previous == found


def test_a_day_is_the_utc_day() -> None:
    found = Partition.of("binance", "BTCUSDT", "2024-08-09")
    assert found.start_us == int(dt.datetime(2024, 8, 9, tzinfo=dt.UTC).timestamp()) * 1_000_000
    assert str(found) == "binance:BTCUSDT 2024-08-09"


def test_leap_days_are_followed_by_march() -> None:
    assert Partition(BTC, dt.date(2024, 2, 29)).next.date == dt.date(2024, 3, 1)
    assert Partition(BTC, dt.date(2023, 3, 1)).previous.date == dt.date(2023, 2, 28)


@pytest.mark.parametrize(
    ("venue", "symbol", "date"),
    [("../x", "BTCUSDT", "2024-08-09"), ("binance", "../X", "2024-08-09"), ("binance", "BTC", "x")],
)
def test_every_part_of_a_partition_is_checked(venue: str, symbol: str, date: str) -> None:
    with pytest.raises(InvalidName):
        Partition.of(venue, symbol, date)
