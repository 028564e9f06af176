"""A window never reaches over a split, a gap, a day that is not proven, nor another instrument."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import Incomplete, InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import DAY_US
from crypto_assets.training import Consumer, Interval, Span, Windows, split, windows
from crypto_assets.training.windows import _starts
from crypto_assets_tests.joined import FIRST, FOURTH, SECOND, THIRD

MINUTE = Interval.MINUTE
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def made(lake: Lake, span: Span, **changed: object) -> Windows:
    asked = {
        "interval": "1m",
        "columns": ["close", "volume"],
        "context": 5,
        "horizon": 2,
        "shuffled": False,
    }
    return windows(lake, [SECOND.instrument], span, **(asked | changed))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def every(lake: Lake, both: Span) -> Windows:
    return made(lake, both)


def test_windows_are_the_bars_side_by_side(lake: Lake, every: Windows, both: Span) -> None:
    assert len(every.starts) == 2 * 1_440 - 7 + 1
    first = next(every.batches(Consumer(), 0))
    assert first["ts_open"][0] == both.start_us
    assert first["close"].shape == (256, 7)
    assert np.array_equal(first["close"][1:, :-1], first["close"][:-1, 1:])
    assert first["close"].dtype == np.float64
    assert first["close"][0, 0] == float(1 + 500 % 7 / 10)


@settings(max_examples=40)
@given(
    st.integers(1, 2 * DAY_US - 1),
    st.integers(0, DAY_US // 4),
    st.integers(1, 40),
    st.integers(1, 10),
)
def test_nothing_of_a_later_part_is_known_in_an_earlier_one(
    every: Windows, both: Span, cut: int, gap: int, context: int, horizon: int
) -> None:
    at, embargo = both.start_us + cut, dt.timedelta(microseconds=gap)
    if at + gap >= both.end_us:
        return
    parts = split(both, [EPOCH + dt.timedelta(microseconds=at)], embargo)
    length = context + horizon
    starts = _starts(every.times, every.of, np.ones(2_880, bool), MINUTE.microseconds, length, 1)
    sized = replace(every, context=context, horizon=horizon, starts=starts)
    training, test = (sized.within(part) for part in parts)
    step = MINUTE.microseconds
    ends = training.times[training.starts] + length * step
    assert (ends <= at).all()
    assert (test.times[test.starts] >= at + gap).all()
    assert (test.times[test.starts] + length * step <= both.end_us).all()
    # And no window that could have been taken was left out.
    opens = sized.times[sized.starts]
    fit = (opens + length * step <= at) | (opens >= at + gap)
    assert len(training.starts) + len(test.starts) == fit.sum()


runs = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(runs, st.integers(1, 6), st.integers(1, 3))
def test_a_window_has_every_bar_complete_and_of_one_instrument(
    bars: list[tuple[bool, bool, bool]], length: int, stride: int
) -> None:
    late, other, whole = (np.array(column) for column in zip(*bars, strict=True))
    times = np.cumsum(np.where(late, 3, 1)) * 60
    of = np.cumsum(other & (np.arange(len(bars)) % 5 == 0))
    starts = _starts(times, of, whole, 60, length, 1)
    expected = [
        at
        for at in range(len(bars) - length + 1)
        if whole[at : at + length].all()
        and len(set(of[at : at + length].tolist())) == 1
        and times[at + length - 1] - times[at] == (length - 1) * 60
    ]
    assert starts.tolist() == expected
    assert set(_starts(times, of, whole, 60, length, stride).tolist()) <= set(expected)


def test_days_that_are_not_proven_are_refused_or_left_out(lake: Lake) -> None:
    everything = Span(FIRST.start_us, FOURTH.end_us)
    with pytest.raises(Incomplete, match="found 2 that are not"):
        made(lake, everything)
    found = made(lake, everything, unproven="skip")
    days = {int(at) // DAY_US for at in found.times}
    assert days == {SECOND.start_us // DAY_US, THIRD.start_us // DAY_US}
    nothing = made(lake, Span(FIRST.start_us, FIRST.end_us), unproven="skip")
    assert nothing.count(Consumer()) == 0
    assert list(nothing.batches(Consumer(), 0)) == []


def test_all_readers_get_every_window_once_and_go_on_from_any_batch(every: Windows) -> None:
    shuffled = replace(every, shuffled=True, batch_rows=200)
    got = []
    for rank in range(2):
        consumer = Consumer(rank, 2)
        whole = list(shuffled.batches(consumer, 1))
        assert len(whole) == shuffled.count(consumer)
        for first in range(len(whole) + 1):
            rest = list(shuffled.batches(consumer, 1, first))
            assert len(rest) == len(whole) - first
            for one, other in zip(rest, whole[first:], strict=True):
                assert all(np.array_equal(one[name], other[name]) for name in one)
        got += [at for batch in whole for at in batch["ts_open"].tolist()]
    assert sorted(got) == every.times[every.starts].tolist()
    assert got != sorted(got)


def test_whatever_changes_the_windows_changes_their_contents(every: Windows, both: Span) -> None:
    part = Span(both.start_us, both.end_us - DAY_US)
    volume = every.values["volume"].copy()
    volume[5] += 1
    changed = [
        every,
        every.within(part),
        replace(every, seed=1),
        replace(every, batch_rows=7),
        replace(every, values={**every.values, "volume": volume}),
    ]
    assert len({one.contents for one in changed}) == len(changed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval": "7m"},
        {"columns": ["price"]},
        {"context": 0},
        {"horizon": 0},
        {"stride": 0},
        {"batch_rows": 0},
    ],
)
def test_settings_that_are_none_are_refused(
    lake: Lake, both: Span, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidName):
        made(lake, both, **wrong)
