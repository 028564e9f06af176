"""Every interval divides the day, so that no bar crosses a partition."""

from __future__ import annotations

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.model.interval import DAY_US, SECOND_US, Interval, length_of


@pytest.mark.parametrize("interval", list(Interval))
def test_every_interval_divides_a_day(interval: Interval) -> None:
    assert DAY_US % interval.microseconds == 0
    assert interval.bars_per_day * interval.microseconds == DAY_US


def test_lengths_are_what_the_names_say() -> None:
    assert {interval.value: interval.bars_per_day for interval in Interval} == {
        "1s": 86_400,
        "1m": 1_440,
        "5m": 288,
        "15m": 96,
        "1h": 24,
        "4h": 6,
        "1d": 1,
    }


@pytest.mark.parametrize("name", ["1w", "3m", "", "1M", "60s"])
def test_an_unknown_interval_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid Interval"):
        Interval(name)


def test_any_interval_that_divides_a_day_has_a_length() -> None:
    names = ("1s", "3m", "30m", "2h", "8h", "12h", "1d")
    seconds = [length_of(name) // SECOND_US for name in names]
    assert seconds == [1, 180, 1_800, 7_200, 28_800, 43_200, 86_400]


@pytest.mark.parametrize("name", ["1w", "1M", "1y", "3d", "7m", "5h", "0m", "m", "", "1 m", "1H"])
def test_an_interval_that_does_not_divide_a_day_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="divides a day"):
        length_of(name)
