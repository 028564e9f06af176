"""What a collector decides, apart from what it does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto_assets.collector import backoff
from crypto_assets.collector.attempts import Attempts
from crypto_assets.collector.handover import Overlap, Verdict, Why, judge
from crypto_assets.collector.roll import Due, due, lifetime
from crypto_assets.collector.shards import shards
from crypto_assets.collector.silence import Silence, patience

CHANCE = st.floats(0, 1, exclude_max=True)
SECOND = 10**9
DAY = 86_400 * SECOND
NOON = 1_723_204_800 * SECOND


@given(st.integers(0, 10_000), CHANCE)
def test_a_wait_is_never_longer_than_the_cap(failures: int, chance: float) -> None:
    assert 0 <= backoff.delay(failures, chance) <= backoff.LONGEST


@given(st.integers(1, 50), CHANCE)
def test_the_bound_of_a_wait_doubles_up_to_the_cap(failures: int, chance: float) -> None:
    bound = min(backoff.LONGEST, backoff.FIRST * 2 ** (failures - 1))
    assert backoff.delay(failures, chance) == pytest.approx(chance * bound)


def test_the_first_attempt_does_not_wait() -> None:
    assert backoff.delay(0, 0.99) == 0


def test_a_connection_that_worked_forgets_the_failures_before_it() -> None:
    assert backoff.failures_after(9, backoff.SETTLED) == 1
    assert backoff.failures_after(9, backoff.SETTLED - 1) == 10


@given(
    st.integers(1, 8),
    st.floats(1, 100),
    st.lists(st.floats(0, 50), min_size=1, max_size=60),
)
@example(2, 80.0, [1.00001, 0.0, 0.0, 0.0, 1.00001, 30.333333333333332])
def test_no_span_of_time_has_more_attempts_than_allowed(
    limit: int,
    seconds: float,
    pauses: list[float],
) -> None:
    attempts, now, made = Attempts(limit, seconds), 0.0, []
    for pause in pauses:
        now += pause
        made.append(now + attempts.book(now))
    # An instant is a wait and the time it was asked at: the sum of two floats is rounded.
    assert all(later >= first - 1e-9 for first, later in pairwise(made))
    for first, later in zip(made, made[limit:], strict=False):
        assert later - first >= seconds * (1 - 1e-9)


@given(st.integers(1, 8), st.integers(1, 8))
def test_attempts_within_the_limit_do_not_wait(limit: int, made: int) -> None:
    attempts = Attempts(limit, 60)
    waits = [attempts.book(float(n)) for n in range(made)]
    assert all(wait == 0 for wait in waits[:limit])
    assert all(wait > 0 for wait in waits[limit:])


def test_a_connection_that_works_has_no_failures_behind_it() -> None:
    assert backoff.failures_behind(9, backoff.SETTLED) == 0
    assert backoff.failures_behind(9, backoff.SETTLED - 1) == 9


def test_silence_is_counted_from_the_last_new_frame() -> None:
    silence = Silence(0, 100.0).seen(0, 110.0)
    assert silence.lasted(110.0) == 10
    assert silence.seen(1, 111.0).lasted(112.0) == 1


@given(st.floats(0.1, 1000), st.integers(0, 1000))
def test_patience_with_a_silent_market_doubles_and_is_bounded(stall: float, times: int) -> None:
    assert patience(stall, times + 1) >= patience(stall, times)
    assert stall <= patience(stall, times) <= 16 * stall


OVERLAPS = st.builds(
    Overlap,
    why=st.sampled_from([Why.AGE, Why.SHUTDOWN, Why.SILENCE]),
    old_lives=st.booleans(),
    new_lives=st.booleans(),
    old_frames=st.integers(0, 3),
    new_frames=st.integers(0, 3),
    waited=st.floats(0, 100),
    delivered=st.floats(0, 100),
)


@given(OVERLAPS)
def test_a_delivering_connection_is_closed_only_after_its_successor_delivered(
    both: Overlap,
) -> None:
    verdict = judge(both, overlap_seconds=5, stall_seconds=30)
    if verdict is Verdict.NEW and both.old_lives:
        delivered = both.new_frames > 0 and both.delivered >= 5
        assert delivered or (both.why is Why.SILENCE and not both.old_frames)


@given(OVERLAPS)
def test_the_connection_that_goes_on_is_never_the_dead_one_of_two(both: Overlap) -> None:
    verdict = judge(both, overlap_seconds=5, stall_seconds=30)
    if both.old_lives and not both.new_lives:
        assert verdict is Verdict.OLD
    if both.new_lives and not both.old_lives:
        assert verdict is Verdict.NEW
    if not both.new_lives and not both.old_lives:
        assert verdict is Verdict.NEW


@pytest.mark.parametrize(
    ("old_frames", "why", "expected"),
    [
        (9, Why.AGE, Verdict.OLD),
        (0, Why.AGE, Verdict.OLD),
        (9, Why.SILENCE, Verdict.OLD),
        (0, Why.SILENCE, Verdict.NEW),
    ],
)
def test_a_successor_that_stays_silent_is_given_up(
    old_frames: int,
    why: Why,
    expected: Verdict,
) -> None:
    both = Overlap(
        why=why,
        old_lives=True,
        new_lives=True,
        old_frames=old_frames,
        new_frames=0,
        waited=30,
        delivered=0,
    )
    assert judge(both, overlap_seconds=5, stall_seconds=30) is expected


def test_a_segment_of_a_quiet_symbol_is_sealed_by_its_age() -> None:
    assert due(NOON, NOON + 300 * SECOND, 0, 300, 1000) is Due.AGE
    assert due(NOON, NOON + 300 * SECOND - 1, 0, 300, 1000) is None


def test_a_segment_is_sealed_by_its_size_and_at_midnight() -> None:
    assert due(NOON, NOON + 1, 1000, 300, 1000) is Due.SIZE
    midnight = NOON // DAY * DAY + DAY
    assert due(midnight - 1, midnight, 0, 300, 1000) is Due.MIDNIGHT
    assert due(midnight, midnight + 1, 0, 300, 1000) is None


@given(st.integers(0, 3 * DAY), st.integers(0, 3 * DAY), st.integers(0, 999))
def test_a_clock_set_back_seals_nothing(begun: int, back: int, size: int) -> None:
    assert due(NOON + begun, NOON + begun - back, size, 300, 1000) is None


@given(st.floats(1, 86_400), CHANCE)
def test_a_connection_is_rotated_early_never_late(rotate: float, chance: float) -> None:
    assert rotate * 0.9 <= lifetime(rotate, chance) <= rotate


@given(
    st.lists(st.text(st.sampled_from("abc@币"), min_size=1, max_size=20), max_size=60),
    st.integers(1, 10),
    st.integers(200, 400),
)
def test_shards_hold_every_stream_once_in_order_within_both_limits(
    streams: list[str],
    most: int,
    longest: int,
) -> None:
    from urllib.parse import quote

    found = shards(streams, most, longest)
    assert [stream for shard in found for stream in shard] == streams
    assert all(0 < len(shard) <= most for shard in found)
    assert all(len("/".join(map(quote, shard))) <= longest for shard in found)


def test_a_connection_without_room_for_a_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 or more, found 0"):
        shards(["a"], 0)
