"""A connection's commands, pings and end, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crypto_assets.exchange.limits import Limits
from crypto_assets.exchange.streams import Cut, Session, Topic, shutdown_notice, time_unit, topic


def session(*streams: str, limits: Limits | None = None) -> Session:
    return Session(streams, limits or Limits(), 0.0, combined=True, unit="ms")


def told(found: Session, message: object) -> Any:
    text = message if isinstance(message, str) else json.dumps(message)
    return json.loads(found.command(text))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("btcusdt@trade", Topic("BTCUSDT", "trade")),
        ("btcusdt@kline_1s", Topic("BTCUSDT", "kline_1s")),
        ("BTCUSDT@trade", None),
        ("btcusdt@depth@100ms", None),
        ("btcusdt@kline_7s", None),
        ("btcusdt@1s", None),
        ("0", None),
        ("!ticker@arr", None),
    ],
)
def test_a_stream_has_a_lower_case_symbol_and_a_kind(name: str, expected: Topic | None) -> None:
    assert topic(name) == expected


def test_subscribing_listing_and_unsubscribing() -> None:
    found = session("btcusdt@trade")
    more = {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "x@depth@100ms"], "id": 1}
    assert told(found, more) == {"result": None, "id": 1}
    listing = {"method": "LIST_SUBSCRIPTIONS", "id": "abc"}
    both = ["btcusdt@trade", "x@depth@100ms"]
    assert told(found, listing) == {"result": both, "id": "abc"}
    less = {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "never@trade"], "id": None}
    assert told(found, less) == {"result": None, "id": None}
    assert list(found.streams) == ["x@depth@100ms"]


def test_more_than_1024_streams_are_refused() -> None:
    names = [f"s{k}usdt@trade" for k in range(1_025)]
    found = session(*names[:1_024])
    assert told(found, {"method": "SUBSCRIBE", "params": names[-1:], "id": 1})["code"] == 2
    assert len(found.streams) == 1_024
    with pytest.raises(ValueError, match="1024 streams"):
        session(*names)


def test_the_wrapping_can_be_changed() -> None:
    found = session()
    change = {"method": "SET_PROPERTY", "params": ["combined", False], "id": 5}
    assert told(found, change) == {"result": None, "id": 5}
    ask = {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}
    assert told(found, ask) == {"result": False, "id": 2}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 3),
        ({"params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": []}, 2),
        ({"method": "SUBSCRIBE", "params": [], "id": "x" * 37}, 2),
        ({"method": "SUBSCRIBE", "params": "a", "id": 1}, 2),
        ({"method": "SUBSCRIPE", "params": [], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0),
    ],
)
def test_a_bad_command_is_answered_with_its_error(message: object, code: int) -> None:
    found = session()
    assert told(found, message)["code"] == code
    assert not found.streams


def test_more_than_five_messages_in_a_second_are_too_many() -> None:
    found = session()
    assert [found.count_message(k / 10) for k in range(5)] == [None] * 5
    assert found.count_message(0.5) == Cut(1008, "Too many requests")


def test_a_pong_must_be_a_copy_and_come_within_a_minute() -> None:
    found = session()
    assert found.ping(19.9) is None
    payload = found.ping(20.0)
    assert payload
    found.pong(b"")
    found.pong(b"something else")
    assert found.overdue(79.9) is None
    assert found.overdue(80.0) == Cut(1008, "Pong timeout")
    found.pong(payload)
    assert found.overdue(80.0) is None


def test_a_pong_answers_the_pings_before_it_and_not_those_after() -> None:
    found = session()
    pings = [found.ping(20.0 * k) for k in (1, 2, 3)]
    assert pings[1]
    found.pong(pings[1])
    assert found.overdue(119.9) is None
    assert found.overdue(120.0) == Cut(1008, "Pong timeout")


def test_any_pong_will_do_where_that_is_asked_for() -> None:
    found = session(limits=Limits(pong_must_echo=False))
    assert found.ping(20.0)
    found.pong(b"")
    assert found.overdue(85.0) is None


def test_a_connection_lives_a_day() -> None:
    found = session()
    assert found.overdue(86_399.0) is None
    assert found.overdue(86_400.0) == Cut(1001, "24 hours are over")


def test_the_shutdown_notice_is_wrapped_like_all_else() -> None:
    raw = shutdown_notice(1_735_689_600_000_001, combined=False, unit="us")
    assert json.loads(raw[2:]) == {"e": "serverShutdown", "E": 1_735_689_600_000_001}
    wrapped = json.loads(shutdown_notice(1_735_689_600_000_001, combined=True, unit="ms")[2:])
    assert wrapped["stream"] == "!serverShutdown"
    assert wrapped["data"]["E"] == 1_735_689_600_000


def test_a_time_unit_is_one_of_two() -> None:
    units = [time_unit(text) for text in (None, "MILLISECOND", "MICROSECOND", "microsecond")]
    assert units == ["ms", "ms", "us", "us"]
    with pytest.raises(ValueError, match="MICROSECOND or MILLISECOND"):
        time_unit("NANOSECOND")
