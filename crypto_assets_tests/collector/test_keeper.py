"""What is to be done so that the wanted collectors live, decided without a process."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.collector import Health, words
from crypto_assets.collector.keeper import (
    Kill,
    Patience,
    Seen,
    Start,
    Terminate,
    decide,
    is_mine,
    rests,
)
from crypto_assets.settings import Recording

SECOND = 10**9
NOW = 1_795_000_000 * SECOND
ME = "sensor:abc"
HERE = "here"
PATIENCE = Patience()
WELL = Health(
    session="20261120T000000Z-7-abcdef",
    name="main",
    kept_by=ME,
    records="as wanted",
    venue="binance",
    pid=7,
    host=HERE,
    state="recording",
    started_ns=NOW - 3600 * SECOND,
    heartbeat_ns=NOW - SECOND // 2,
    streams=2,
    connections=1,
    shards=1,
    frames=10,
    frames_per_second=1.0,
    lag_ms=5.0,
    clock_offset_us=1,
    last_ids={"btcusdt@trade": 9},
    reconnects=0,
    rotations=0,
    pauses=0,
    waiting_bytes=0,
    high_water_bytes=0,
    segment=None,
    free_bytes=1,
    is_alive=True,
)
WANTED = {"main": "as wanted"}


def session(**fields: Any) -> Health:
    return Health(**{**{name: getattr(WELL, name) for name in WELL.__struct_fields__}, **fields})


def ended(state: str, seconds_ago: float, lived: float = 1.0, **fields: Any) -> Health:
    at = NOW - int(seconds_ago * SECOND)
    return session(
        session=f"s{seconds_ago}",
        state=state,
        is_alive=False,
        heartbeat_ns=at,
        started_ns=at - int(lived * SECOND),
        **fields,
    )


def seen(*sessions: Health, held: tuple[str, ...] = ()) -> Seen:
    return Seen(sessions=sessions, held=frozenset(held), host=HERE, now_ns=NOW)


def actions(
    found: Seen,
    wanted: dict[str, str] = WANTED,
    at: int | None = None,
) -> list[Any]:
    """Decide, where the session was asked to end at a moment or was not."""
    return decide(wanted, found, ME, {} if at is None else {WELL.session: at}, PATIENCE)


def test_what_is_wanted_and_does_not_live_is_started() -> None:
    assert actions(seen()) == [Start("main")]
    assert actions(seen(), {"a": "x", "b": "y"}) == [Start("a"), Start("b")]
    assert actions(seen(), {}) == []


def test_one_that_lives_and_is_as_wanted_is_left_alone() -> None:
    assert actions(seen(WELL)) == []


def test_a_name_that_is_held_is_not_started_before_its_session_is_there() -> None:
    assert actions(seen(held=("main",))) == []


def test_a_stale_heartbeat_is_asked_to_end_and_killed_when_it_does_not() -> None:
    hangs = session(heartbeat_ns=NOW - 61 * SECOND)
    (asked,) = actions(seen(hangs))
    assert asked == Terminate(WELL.session, 7, "main", "its heartbeat is 61 s old")
    assert actions(seen(hangs), at=NOW - 29 * SECOND) == []
    (killed,) = actions(seen(hangs), at=NOW - 31 * SECOND)
    assert isinstance(killed, Kill)
    assert (killed.pid, killed.why) == (
        7,
        "its heartbeat is 61 s old; it was asked to end and did not",
    )


def test_a_heartbeat_of_the_future_is_none_that_hangs() -> None:
    assert actions(seen(session(heartbeat_ns=NOW + 3600 * SECOND))) == []


def test_other_settings_end_it_and_it_is_started_again_once_it_is_gone() -> None:
    (asked,) = actions(seen(WELL), {"main": "something else"})
    assert asked == Terminate(WELL.session, 7, "main", "the settings have changed")
    gone = ended("done", 1)
    assert actions(seen(gone), {"main": "something else"}) == [Start("main")]


def test_what_is_not_wanted_any_more_is_ended() -> None:
    (asked,) = actions(seen(WELL), {})
    assert asked == Terminate(WELL.session, 7, "main", "it is not wanted")


@pytest.mark.parametrize(
    "fields",
    [
        {"kept_by": "hand"},
        {"kept_by": "service"},
        {"kept_by": "sensor:another"},
        {"host": "elsewhere"},
    ],
)
def test_what_somebody_else_started_is_neither_ended_nor_started_again(
    fields: dict[str, str],
) -> None:
    other = session(**fields, heartbeat_ns=NOW - 999 * SECOND, records="something else")
    assert actions(seen(other)) == []
    assert actions(seen(other), {}) == []
    assert actions(seen(other), {}, at=NOW - 999 * SECOND) == []


def test_a_killed_one_is_started_at_once_and_a_third_short_life_costs_a_wait() -> None:
    lives = [ended("recording", 10.0 * n) for n in range(1, 5)]
    assert actions(seen(*lives[:2])) == [Start("main")]
    assert actions(seen(*lives[:3])) == []
    assert rests(WANTED, seen(*lives[:3]), PATIENCE) == {"main": 20.0}
    assert rests(WANTED, seen(*lives), PATIENCE) == {"main": 50.0}
    many = [ended("failed", 1.0 + n) for n in range(50)]
    assert rests(WANTED, seen(*many), PATIENCE) == {"main": 599.0}


def test_a_long_life_or_an_end_on_request_forgets_the_short_ones() -> None:
    short = [ended("recording", 5000.0 + n) for n in range(9)]
    assert actions(seen(*short, ended("recording", 1, lived=3600))) == [Start("main")]
    assert actions(seen(*short, ended("done", 1))) == [Start("main")]


@pytest.mark.parametrize(("state", "seconds"), [("refused", 3600), ("disk", 300)])
def test_a_refusal_and_a_full_disk_are_not_tried_again_at_once(state: str, seconds: int) -> None:
    assert actions(seen(ended(state, seconds - 1))) == []
    assert actions(seen(ended(state, seconds + 1))) == [Start("main")]
    # Who changes the settings has done something about it.
    assert actions(seen(ended(state, 1)), {"main": "something else"}) == [Start("main")]


def test_an_end_in_the_future_does_not_hold_up_a_start() -> None:
    assert actions(seen(ended("done", -3600))) == [Start("main")]
    assert rests(WANTED, seen(ended("refused", -9999)), PATIENCE) == {"main": 3600.0}


NAMES = st.sampled_from(["main", "second", "third"])
SESSIONS = st.lists(
    st.builds(
        session,
        session=st.uuids().map(str),
        name=st.none() | NAMES,
        kept_by=st.sampled_from([ME, "hand", "service", "sensor:another"]),
        host=st.sampled_from([HERE, "elsewhere"]),
        state=st.sampled_from(["recording", "done", "disk", "refused", "failed"]),
        records=st.sampled_from(["a", "b"]),
        pid=st.integers(2, 9),
        is_alive=st.booleans(),
        started_ns=st.integers(NOW - 10**14, NOW),
        heartbeat_ns=st.integers(NOW - 10**14, NOW + 10**12),
    ),
    max_size=8,
    unique_by=lambda found: found.session,
)
SEEN = st.builds(
    lambda sessions, held: seen(*sessions, held=tuple(held)),
    SESSIONS,
    st.sets(NAMES),
)
WANTS = st.dictionaries(NAMES, st.sampled_from(["a", "b"]))


@given(SEEN, WANTS, st.data())
def test_nobody_is_started_twice_and_nobody_elses_is_touched(
    found: Seen,
    wanted: dict[str, str],
    data: st.DataObject,
) -> None:
    asked = {
        one.session: data.draw(st.integers(NOW - 10**12, NOW))
        for one in found.sessions
        if data.draw(st.booleans())
    }
    done = decide(wanted, found, ME, asked, PATIENCE)
    started = [action.name for action in done if isinstance(action, Start)]
    assert len(started) == len(set(started))
    assert set(started) <= set(wanted)
    assert not set(started) & found.held
    assert not set(started) & {one.name for one in found.sessions if one.is_alive}
    touched = [action for action in done if not isinstance(action, Start)]
    sessions = {one.session: one for one in found.sessions}
    assert len({action.session for action in touched}) == len(touched)
    for action in touched:
        one = sessions[action.session]
        assert is_mine(one, HERE, ME)
        assert action.pid == one.pid
        assert isinstance(action, Kill) == (action.session in asked)
        is_well = one.age(NOW) <= PATIENCE.stale and one.records == wanted.get(one.name or "")
        assert not is_well


@given(SEEN)
def test_where_nothing_is_wanted_everything_of_mine_is_asked_to_end(found: Seen) -> None:
    done = decide({}, found, ME, {}, PATIENCE)
    mine = {one.session for one in found.sessions if is_mine(one, HERE, ME)}
    assert {action.session for action in done if isinstance(action, Terminate)} == mine
    assert len(done) == len(mine)


@given(SEEN, WANTS)
def test_what_is_wanted_lives_is_held_is_started_or_waits_no_longer_than_said(
    found: Seen,
    wanted: dict[str, str],
) -> None:
    done = decide(wanted, found, ME, {}, PATIENCE)
    started = {action.name for action in done if isinstance(action, Start)}
    living = found.held | {one.name for one in found.sessions if one.is_alive}
    waiting = rests(wanted, found, PATIENCE)
    assert set(wanted) <= started | living | set(waiting)
    assert all(0 < seconds <= PATIENCE.refused for seconds in waiting.values())
    later = dataclasses.replace(found, now_ns=NOW + 10**13, sessions=(), held=frozenset())
    assert {Start(name) for name in wanted} == set(decide(wanted, later, ME, {}, PATIENCE))


def test_it_is_said_in_words() -> None:
    assert words.session(WELL, NOW, PATIENCE) == (
        "main records 1 frames/s, 5 ms behind, 0 reconnects, 0 rotations"
    )
    hangs = session(heartbeat_ns=NOW - 75 * SECOND, kept_by="service")
    said = words.session(hangs, NOW, PATIENCE)
    assert said == "main (kept by service) hangs: its heartbeat is 75 s old"
    assert words.action(Start("main")) == "started main"
    asked = Terminate("s", 7, "main", "it is not wanted")
    assert words.action(asked) == "asked main, process 7, to end: it is not wanted"
    assert words.action(Kill("s", 7, "main", "x")) == "killed main, process 7: x"
    by_sensor, by_service = Recording(), Recording(kept_by="service")
    assert words.absent("main", by_sensor, 0.0, is_held=True) == "main is starting"
    assert "service manager" in words.absent("main", by_service, 0.0, is_held=False)
    assert "again in 20 s" in words.absent("main", by_sensor, 20.0, is_held=False)
