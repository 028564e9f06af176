"""Bybit's streams, named, asked for and looked at."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.sources import feed
from crypto_assets.sources.feed import Glance

BYBIT = feed("bybit")
RECORDING = Path(__file__).resolve().parents[1] / "recordings" / "bybit-linear-2026-08-09.jsonl"
FRAMES = [line.partition(b" ")[2] for line in RECORDING.read_bytes().splitlines()]


def test_the_public_hosts_are_the_default() -> None:
    assert (BYBIT.ws_url, BYBIT.http_url) == ("wss://stream.bybit.com", "https://api.bybit.com")
    assert BYBIT.address("ws://127.0.0.1:1/", ["x"]) == "ws://127.0.0.1:1/v5/public/linear"


def test_streams_are_topics_by_symbol_and_each_once() -> None:
    assert BYBIT.streams(["BTCUSDT", "ETHUSDT", "BTCUSDT"], ["trade", "bookTicker"]) == (
        "publicTrade.BTCUSDT",
        "orderbook.1.BTCUSDT",
        "publicTrade.ETHUSDT",
        "orderbook.1.ETHUSDT",
    )
    assert BYBIT.streams(["BTCUSDT"], ["kline.1"]) == ("kline.1.BTCUSDT",)


@pytest.mark.parametrize("kind", ["", "trade@x", "order book", "orderbook.50.BTCUSDT", "."])
def test_a_kind_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(InvalidName, match="stream kind"):
        BYBIT.streams(["BTCUSDT"], [kind])


def test_a_symbol_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidName):
        BYBIT.streams(["BTC-USDT"], ["trade"])


def test_every_stream_is_asked_for_once_some_at_a_time() -> None:
    streams = BYBIT.streams([f"A{number}USDT" for number in range(120)], ["trade"])
    said = [msgspec.json.decode(greeting) for greeting in BYBIT.greetings(streams)]
    assert {one["op"] for one in said} == {"subscribe"}
    assert [len(one["args"]) for one in said] == [50, 50, 20]
    assert tuple(topic for one in said for topic in one["args"]) == streams
    assert BYBIT.keep_alive == (20.0, b'{"op":"ping"}')
    assert feed("binance").greetings(streams) == ()
    assert feed("binance").keep_alive is None


def test_a_recorded_frame_is_told_by_how_it_begins() -> None:
    for text in FRAMES:
        topic = json.loads(text).get("topic")
        if topic is not None:
            assert BYBIT.key(text) == BYBIT.key_of(topic)
        assert not BYBIT.announces_end(text)


def test_a_glance_reads_topic_sequence_and_time() -> None:
    trade = next(text for text in FRAMES if b"publicTrade" in text)
    found = json.loads(trade)
    sent = found["ts"] * 1_000
    assert BYBIT.glance(trade) == Glance(found["topic"], found["data"][-1]["seq"], sent)
    book = next(text for text in FRAMES if b"orderbook" in text)
    glance = BYBIT.glance(book)
    assert glance is not None
    assert glance.last_id is None
    for other in (b'{"success":true,"op":"ping"}', b"{", b"\xff", b'{"topic":"x","data":[]}'):
        seen = BYBIT.glance(other)
        assert seen is None or seen.last_id is None


def test_the_clock_is_read_in_microseconds() -> None:
    body = b'{"retCode":0,"result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"}}'
    assert BYBIT.server_time_us(body) == 1_688_639_403_423_213


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"{}", "missing required field `result`"),
        (b'{"result":{"timeNano":"soon"}}', "invalid literal"),
        (b"[", "Expected `object`, got `array`"),
    ],
)
def test_an_answer_that_is_no_clock_is_refused(answer: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        BYBIT.server_time_us(answer)
