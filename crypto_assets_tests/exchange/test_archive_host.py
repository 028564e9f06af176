"""The archive over real sockets: downloads that are cut, resumed, slow and refused."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from crypto_assets.exchange import PAUSED, Exchange, Limits, Market, Remote, run_in_thread
from crypto_assets.model.interval import DAY_US

TRADES = "/data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2025-01-01.zip"
SECONDS = "/data/spot/daily/klines/BTCUSDT/1s/BTCUSDT-1s-2025-01-01.zip"
MONTHLY = "/data/spot/monthly/trades/BTCUSDT/BTCUSDT-trades-2025-01.zip"
SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Answer:
    """What came of a request."""

    def __init__(self, got: http.client.HTTPResponse) -> None:
        self.status = got.status
        self.headers = got.headers
        try:
            self.body, self.is_whole = got.read(), True
        except http.client.IncompleteRead as error:
            self.body, self.is_whole = error.partial, False


def ask(
    exchange: Remote,
    path: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(exchange.http_url).netloc, timeout=10)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture
def exchange(market: Market) -> Iterator[Remote]:
    """An exchange two days after the market's midnight."""
    with run_in_thread(market, pace=PAUSED) as found:
        found.jump(market.end_us + 2 * DAY_US)
        yield found


def keys(exchange: Remote, prefix: str = "") -> list[str]:
    """List everything, page by page."""
    found: list[str] = []
    marker = ""
    while True:
        root = ET.fromstring(ask(exchange, f"/?prefix={prefix}&marker={marker}").body)
        found += [str(key.text) for key in root.iter(f"{SPACE}Key")]
        if root.findtext(f"{SPACE}IsTruncated") == "false":
            return found
        marker = root.findtext(f"{SPACE}NextMarker") or ""


# Downloads that are cut


def test_a_cut_download_is_resumed_where_it_was_cut(exchange: Remote) -> None:
    whole = ask(exchange, TRADES)
    exchange.inject({"archive_cut_bytes": 1_000, "archive_cut_times": 3})
    data, etag = b"", whole.headers["ETag"]
    statuses = []
    while len(data) < len(whole.body):
        headers = {"Range": f"bytes={len(data)}-", "If-Range": etag} if data else {}
        part = ask(exchange, TRADES, headers)
        statuses.append((part.status, len(part.body), part.is_whole))
        data += part.body
    rest = len(whole.body) - 3_000
    assert statuses == [
        (200, 1_000, False),
        (206, 1_000, False),
        (206, 1_000, False),
        (206, rest, True),
    ]
    assert data == whole.body
    assert (exchange.faults.archive_cut_bytes, exchange.faults.archive_cut_times) == (None, None)
    assert [found.size for found in exchange.requests] == [
        len(whole.body),
        1_000,
        1_000,
        1_000,
        rest,
    ]


def test_a_download_cut_at_its_beginning_is_a_head_without_a_body(exchange: Remote) -> None:
    exchange.inject({"archive_cut_bytes": 0, "archive_cut_times": 1})
    found = ask(exchange, TRADES)
    assert (found.status, found.body, found.is_whole) == (200, b"", False)
    assert ask(exchange, TRADES).is_whole


def test_checksums_and_listings_go_on_where_files_are_cut(exchange: Remote) -> None:
    exchange.inject({"archive_cut_bytes": 500})
    assert ask(exchange, f"{TRADES}.CHECKSUM").is_whole
    assert ask(exchange, "/?prefix=data/spot/daily/trades/").is_whole
    assert not ask(exchange, TRADES).is_whole


def test_a_part_of_what_has_changed_is_the_whole(exchange: Remote) -> None:
    before = ask(exchange, TRADES)
    same = {"Range": "bytes=100-", "If-Range": before.headers["Last-Modified"]}
    assert ask(exchange, TRADES, same).status == 206
    exchange.inject({"republished": ["BTCUSDT-trades-2025-01-01"]})
    for told in (before.headers["ETag"], before.headers["Last-Modified"]):
        found = ask(exchange, TRADES, {"Range": "bytes=100-", "If-Range": told})
        assert found.status == 200
        assert found.headers["Content-Length"] == str(len(found.body))
        assert found.body != before.body
    assert ask(exchange, TRADES, {"Range": "bytes=100-"}).status == 206


def test_ranges_that_fit_nothing_are_refused(exchange: Remote) -> None:
    size = len(ask(exchange, TRADES).body)
    for text in (f"bytes={size}-", "bytes=5-4", "rows=1-2"):
        found = ask(exchange, TRADES, {"Range": text})
        assert (found.status, found.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_a_head_tells_size_and_tag_and_sends_nothing(exchange: Remote) -> None:
    whole, head = ask(exchange, SECONDS), ask(exchange, SECONDS, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("ETag", "Content-Length", "Last-Modified"):
        assert head.headers[name] == whole.headers[name]
    assert exchange.requests[-1].size == 0


def test_a_slow_download_takes_its_time_and_arrives(exchange: Remote) -> None:
    whole = ask(exchange, TRADES)
    exchange.inject({"archive_bytes_per_s": 100_000})
    began = time.monotonic()
    assert ask(exchange, TRADES).body == whole.body
    assert time.monotonic() - began >= len(whole.body) / 100_000 * 0.9


def test_who_goes_away_in_the_middle_harms_nobody(exchange: Remote) -> None:
    whole = ask(exchange, TRADES)
    exchange.inject({"archive_bytes_per_s": 20_000})
    with socket.create_connection(urlsplit(exchange.http_url).netloc.split(":")) as gone:
        gone.sendall(f"GET {TRADES} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        gone.recv(100)
    exchange.inject({"archive_bytes_per_s": None})
    assert ask(exchange, TRADES).body == whole.body


# Refusals


def test_the_archive_alone_is_refused_and_from_the_middle_on(exchange: Remote) -> None:
    exchange.inject(
        {"refuse_archive": 429, "refuse_archive_after": 2, "refuse_archive_times": 1}
        | {"retry_after_s": 9},
    )
    found = [ask(exchange, path) for path in (TRADES, "/?prefix=data/", TRADES, TRADES)]
    assert [answer.status for answer in found] == [200, 200, 429, 200]
    assert found[2].headers["Retry-After"] == "9"
    assert ask(exchange, "/api/v3/ping").status == 200
    exchange.inject({"refuse_archive": 503})
    refused = ask(exchange, TRADES)
    assert (refused.status, "Retry-After" in refused.headers) == (503, False)
    exchange.inject({"refuse_archive": None})
    assert ask(exchange, TRADES).status == 200


# What there is


def test_a_listed_file_is_there_and_one_that_is_not_published_is_neither(exchange: Remote) -> None:
    exchange.inject({"archive_unpublished": ["BTCUSDT-trades-2025-01-01"]})
    every = keys(exchange)
    assert TRADES[1:] not in every
    assert [ask(exchange, f"{TRADES}{end}").status for end in ("", ".CHECKSUM")] == [404, 404]
    assert [ask(exchange, f"/{key}").status for key in every] == [200] * len(every)
    exchange.inject({"archive_unpublished": []})
    assert keys(exchange, TRADES[1:]) == [TRADES[1:], f"{TRADES[1:]}.CHECKSUM"]


def test_a_month_is_there_when_it_is_over(exchange: Remote, market: Market) -> None:
    assert ask(exchange, MONTHLY).status == 404
    exchange.jump(market.end_us + 40 * DAY_US)
    assert ask(exchange, MONTHLY).status == 200
    assert MONTHLY[1:] in keys(exchange, "data/spot/monthly/")


def test_a_tape_that_has_ended_has_no_later_files(exchange: Remote, market: Market) -> None:
    before = keys(exchange, "data/spot/daily/")
    exchange.jump(market.end_us + 20 * DAY_US)
    assert keys(exchange, "data/spot/daily/") == before
    assert ask(exchange, TRADES.replace("01-01.zip", "01-03.zip")).status == 404


def test_a_delisted_symbol_is_in_the_archive_only(exchange: Remote) -> None:
    exchange.inject({"delisted": ["BTCUSDT"]})
    for path in (
        "trades?symbol=BTCUSDT",
        "klines?interval=1m&symbol=BTCUSDT",
        "exchangeInfo?symbol=BTCUSDT",
    ):
        found = ask(exchange, f"/api/v3/{path}")
        assert (found.status, json.loads(found.body)["code"]) == (400, -1121)
    told = json.loads(ask(exchange, "/api/v3/exchangeInfo").body)
    assert [symbol["symbol"] for symbol in told["symbols"]] == ["ETHUSDT"]
    assert ask(exchange, TRADES).status == 200
    assert TRADES[1:] in keys(exchange, "data/spot/daily/trades/")
    exchange.inject({"delisted": []})
    assert ask(exchange, "/api/v3/trades?symbol=BTCUSDT").status == 200


# The log, and who comes too early


def test_requests_are_logged_with_their_query_status_and_size(exchange: Remote) -> None:
    listing = ask(exchange, "/?prefix=data/spot/daily/trades/&max-keys=2")
    missing = ask(exchange, f"{TRADES}x")
    whole = ask(exchange, TRADES)
    ask(exchange, "/_control")
    ping = ask(exchange, "/api/v3/ping?a=1")
    found = exchange.requests
    assert [tuple(request)[1:] for request in found] == [
        ("/?prefix=data/spot/daily/trades/&max-keys=2", 200, len(listing.body)),
        (f"{TRADES}x", 404, len(missing.body)),
        (TRADES, 200, len(whole.body)),
        ("/api/v3/ping?a=1", 400, len(ping.body)),
    ]
    assert [request.at_s for request in found] == sorted(request.at_s for request in found)
    told = json.loads(ask(exchange, "/_control/requests").body)
    assert told == [list(request) for request in found]


@pytest.mark.parametrize(
    ("switch", "path", "other"),
    [("refuse", "/api/v3/ping", TRADES), ("refuse_archive", TRADES, "/api/v3/ping")],
)
def test_who_comes_back_too_early_is_counted_on_that_host_only(
    exchange: Remote,
    switch: str,
    path: str,
    other: str,
) -> None:
    exchange.inject({switch: 429, f"{switch}_times": 1, "retry_after_s": 1})
    assert ask(exchange, path).status == 429
    assert ask(exchange, other).status == 200
    time.sleep(1.0)
    assert ask(exchange, path).status == 200
    assert exchange.counters.too_early == 0
    exchange.inject({switch: 418, f"{switch}_times": 1, "retry_after_s": 60})
    assert ask(exchange, path).status == 418
    assert ask(exchange, other).status == 200
    assert exchange.counters.too_early == 0
    assert ask(exchange, path).status == 200
    assert exchange.counters.too_early == 1


def test_the_limits_of_the_exchange_are_judged_like_its_faults(market: Market) -> None:
    limits = Limits(weight_per_minute=1, patience=1)
    with run_in_thread(market, pace=PAUSED, limits=limits) as exchange:
        statuses = [ask(exchange, "/api/v3/ping").status for _ in range(4)]
        assert statuses == [200, 429, 418, 418]
        assert exchange.counters.too_early == 2


def test_requests_that_came_before_the_refusal_was_given_are_not_too_early(market: Market) -> None:
    async def run() -> None:
        request = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
        faults = {"refuse": 429, "retry_after_s": 60}
        async with Exchange(market, pace=PAUSED, faults=faults) as exchange:
            address = urlsplit(exchange.http_url)
            # While this loop is kept busy everyone asks, and the exchange answers nobody yet.
            everyone = [
                socket.create_connection((str(address.hostname), address.port or 0))
                for _ in range(40)
            ]
            for one in everyone:
                one.sendall(request)
            while exchange.counters.statuses != {429: 40}:  # noqa: ASYNC110 - its only sign
                await asyncio.sleep(0.001)
            assert exchange.counters.too_early == 0
            for one in everyone[:3]:
                one.sendall(request)
            while exchange.counters.statuses != {429: 43}:  # noqa: ASYNC110 - its only sign
                await asyncio.sleep(0.001)
            assert exchange.counters.too_early == 3
            for one in everyone:
                one.close()

    asyncio.run(asyncio.wait_for(run(), 10.0))
