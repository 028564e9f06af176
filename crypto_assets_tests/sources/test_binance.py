"""Binance's streams, named and addressed."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.sources import feed
from crypto_assets.sources.feed import Glance

BINANCE = feed("binance")
SYMBOLS = st.lists(
    st.text(st.sampled_from("ABCXYZ019币安"), min_size=2, max_size=12),
    min_size=1,
    max_size=20,
)


def test_a_venue_that_cannot_be_recorded_is_refused() -> None:
    with pytest.raises(InvalidName, match="expected one that can be recorded, binance"):
        feed("nowhere")


def test_market_data_hosts_are_the_default() -> None:
    assert BINANCE.ws_url == "wss://data-stream.binance.vision"
    assert BINANCE.http_url == "https://data-api.binance.vision"


def test_streams_are_symbols_in_lower_case_by_kind_and_each_once() -> None:
    found = BINANCE.streams(["BTCUSDT", "ETHUSDT", "BTCUSDT"], ["trade", "bookTicker"])
    assert found == (
        "btcusdt@trade",
        "btcusdt@bookTicker",
        "ethusdt@trade",
        "ethusdt@bookTicker",
    )


@pytest.mark.parametrize("kind", ["", "trade/x", "tra de", "trade?", "@trade", "trade&a=b"])
def test_a_kind_that_would_change_the_address_is_refused(kind: str) -> None:
    with pytest.raises(InvalidName):
        BINANCE.streams(["BTCUSDT"], [kind])


@pytest.mark.parametrize("symbol", ["btcusdt", "BTC/USDT", "", "A&B"])
def test_a_symbol_that_is_none_is_refused(symbol: str) -> None:
    with pytest.raises(InvalidName):
        BINANCE.streams([symbol], ["trade"])


@given(SYMBOLS)
def test_an_address_is_ascii_and_names_every_stream_in_microseconds(symbols: list[str]) -> None:
    streams = BINANCE.streams(symbols, ["trade", "depth@100ms"])
    address = BINANCE.address("ws://127.0.0.1:1/", streams)
    assert address.isascii()
    asked = parse_qs(urlsplit(address).query)
    assert asked == {"streams": ["/".join(streams)], "timeUnit": ["MICROSECOND"]}
    assert urlsplit(address).path == "/stream"


def test_a_frames_key_is_its_streams() -> None:
    frame = b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161601273,"t":7}}'
    assert BINANCE.key(frame) == BINANCE.key_of("btcusdt@trade")
    assert BINANCE.key(frame) != BINANCE.key_of("btcusdt@bookTicker")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b'{"e":"serverShutdown","E":1770123456789}', True),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', True),
        (b'{"stream":"x@trade","data":{"e":"trade","s":"serverShutdown"}}', False),
        (b'{"result":null,"id":1}', False),
        (b"serverShutdown", False),
    ],
)
def test_the_end_is_told_from_a_name_like_it(frame: bytes, expected: bool) -> None:  # noqa: FBT001
    assert BINANCE.announces_end(frame) is expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161601273001,"t":7,"p":"1"}}',
            Glance("btcusdt@trade", 7, 1723161601273001),
        ),
        (
            b'{"stream":"btcusdt@aggTrade","data":{"E":1723161601273,"a":9,"f":1,"l":2}}',
            Glance("btcusdt@aggTrade", 9, 1723161601273000),
        ),
        (
            b'{"stream":"b@bookTicker","data":{"u":400,"s":"B","b":"1","B":"2","a":"3","A":"4"}}',
            Glance("b@bookTicker", 400, None),
        ),
        (
            b'{"stream":"b@depth","data":{"E":1723161601273,"U":1,"u":5,"b":[],"a":[["1","2"]]}}',
            Glance("b@depth", 5, 1723161601273000),
        ),
        (b'{"result":null,"id":1}', None),
        (b"{", None),
    ],
)
def test_a_glance_reads_what_people_look_for(frame: bytes, expected: Glance | None) -> None:
    assert BINANCE.glance(frame) == expected


@given(st.binary(max_size=60))
def test_no_bytes_make_a_glance_fail(frame: bytes) -> None:
    BINANCE.glance(frame)
    BINANCE.announces_end(frame + b"serverShutdown")
    BINANCE.key(frame)


@pytest.mark.parametrize("answer", [b"{}", b'{"serverTime":12}', b"no", b'{"serverTime":"1"}'])
def test_a_clock_that_gives_no_time_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        BINANCE.server_time_us(answer)


def test_both_units_of_the_clock_are_microseconds() -> None:
    assert BINANCE.server_time_us(b'{"serverTime":1723161601273}') == 1723161601273000
    assert BINANCE.server_time_us(b'{"serverTime":1723161601273456}') == 1723161601273456
