"""A span is half-open at instants, and its days are those it has an instant of."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US, Interval
from crypto_assets.model.span import Span, instant_us

BTC = Instrument("binance", "BTCUSDT")
MIDNIGHT_US = 1_721_779_200_000_000
spans = st.tuples(st.integers(0, 40 * DAY_US), st.integers(1, 3 * DAY_US)).map(
    lambda drawn: Span(drawn[0], drawn[0] + drawn[1])
)


@pytest.mark.parametrize(
    "value",
    [
        "2024-07-24",
        dt.date(2024, 7, 24),
        dt.datetime(2024, 7, 24, tzinfo=dt.UTC),
        dt.datetime(2024, 7, 24, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        "2024-07-24T00:00:00Z",
        "2024-07-24T00:00+00:00",
        "2024-07-23T19:00:00.000000-05:00",
    ],
)
def test_an_instant_is_one_however_it_is_written(value: dt.date | str) -> None:
    assert instant_us(value) == MIDNIGHT_US


@given(st.datetimes(timezones=st.timezones()))
def test_text_and_datetime_are_the_same_instant(value: dt.datetime) -> None:
    if value.utcoffset() is not None and not value.utcoffset() % dt.timedelta(seconds=1):
        assert instant_us(value.isoformat()) == instant_us(value)


@pytest.mark.parametrize("text", ["", "now", "2024-02-30", "2024-W30", "2024-07-24 25:00Z", "1"])
def test_text_that_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="2024-07-24"):
        instant_us(text)


@given(spans)
def test_the_days_of_a_span_are_those_it_touches(span: Span) -> None:
    days = list(span.days(BTC))
    assert days[0].start_us <= span.start_us < days[0].end_us
    assert days[-1].start_us < span.end_us <= days[-1].end_us
    assert all(day.next == after for day, after in itertools.pairwise(days))
    assert all(span.covers(day) for day in days[1:-1])


@given(spans, st.sampled_from(Interval))
def test_the_bars_that_open_in_a_span_are_whole(span: Span, interval: Interval) -> None:
    length = interval.microseconds
    found = span.opening(length)
    opens = [at for at in range(0, 50 * DAY_US, DAY_US) if span.start_us <= at < span.end_us]
    assert found.start_us % length == found.end_us % length == 0
    assert all(found.start_us <= at < found.end_us for at in opens)
    assert 0 <= found.start_us - span.start_us < length
    assert 0 <= found.end_us - span.end_us < length
