"""The offset of this machine's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources import feed
from crypto_assets.sources.clock import Sample, measure, offset_of
from crypto_assets.sources.refusal import retry_after, will_not_serve

WALL = 1_723_161_601_000_000_000


@given(st.integers(-(10**7), 10**7), st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_offset_is_true_to_half_a_round_trip(ahead_us: int, there: int, back: int) -> None:
    server_us = WALL // 1000 - ahead_us + there // 1000
    found = offset_of([Sample(WALL, 5, 5 + there + back, server_us)])
    assert abs(found.offset_us - ahead_us) <= (there + back) // 2000 + 1


def test_the_shortest_round_trip_is_taken() -> None:
    slow = Sample(WALL, 0, 90_000_000, WALL // 1000)
    quick = Sample(WALL, 0, 2_000_000, WALL // 1000 - 499_000)
    found = offset_of([slow, quick, slow])
    assert (found.offset_us, found.round_trip_us) == (500_000, 2000)


@contextmanager
def answering(status: int, body: bytes | None, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.path == "/api/v3/time"
            told = body if body is not None else b'{"serverTime":%d}' % (time.time_ns() // 1000)
            self.send_response(status if asked else 404)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_clock_of_this_machine_is_hardly_off() -> None:
    with answering(200, None) as base:
        found = measure(feed("binance"), base)
    assert abs(found.offset_us) <= found.round_trip_us // 2 + 1000


def test_a_server_that_refuses_is_not_asked_again() -> None:
    with answering(451, b"{}") as base, pytest.raises(Refused, match="451") as caught:
        measure(feed("binance"), base)
    assert caught.value.status == 451


def test_a_server_that_wants_to_be_left_alone_says_how_long() -> None:
    with answering(418, b"{}", Retry_After="120") as base, pytest.raises(StreamLost) as caught:
        measure(feed("binance"), base)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("body", [b"<html>", b'{"serverTime":1}'])
def test_an_answer_that_is_no_time_is_an_error(body: bytes) -> None:
    with answering(200, body) as base, pytest.raises(StreamLost):
        measure(feed("binance"), base)


def test_a_server_that_is_not_there_is_an_error() -> None:
    with answering(200, None) as base:
        pass
    with pytest.raises(StreamLost, match="ConnectionRefusedError"):
        measure(feed("binance"), base)


@pytest.mark.parametrize(("status", "expected"), [(451, True), (404, True), (503, False)])
def test_only_what_stays_is_a_refusal(status: int, expected: bool) -> None:  # noqa: FBT001
    assert will_not_serve(status) is expected
    assert not any(map(will_not_serve, (403, 408, 418, 429, 500, 502)))


@given(st.one_of(st.none(), st.text(max_size=8), st.integers(0, 10**9).map(str)))
def test_a_wait_is_read_or_none_and_never_longer_than_a_ban(header: str | None) -> None:
    found = retry_after(header)
    assert 0 <= found <= 3 * 24 * 3600
    if header and header.isascii() and header.isdigit():
        assert found == min(int(header), 3 * 24 * 3600)
