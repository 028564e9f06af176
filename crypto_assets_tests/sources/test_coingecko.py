"""CoinGecko's REST: bounded addresses, keys that show nowhere, and no request before its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidSettings, Refused, StreamLost
from crypto_assets.exchange import PAUSED, Remote, random_market, run_in_thread
from crypto_assets.sources.coingecko import LONGEST_QUERY, CoinGecko, Key

MARKET = random_market(["BTCUSDT"], 1_741_046_400_000_000, 60, 10, seed=3)
SECRET = "CG-0123456789abcdef"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=PAUSED) as remote:
        yield remote


class _Host(BaseHTTPRequestHandler):
    """Answers every request with the same, and keeps what it was asked."""

    status, body = 200, b"{}"
    headers_sent: tuple[tuple[str, str], ...] = ()
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        type(self).asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        self.send_response(self.status)
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
        pass


@contextmanager
def host(
    status: int = 200,
    body: bytes = b"{}",
    *headers: tuple[str, str],
) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    asked: list[tuple[str, dict[str, str]]] = []
    kind = type(
        "Host",
        (_Host,),
        {"status": status, "body": body, "headers_sent": headers, "asked": asked},
    )
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_prices_are_asked_for_with_everything_that_goes_with_them() -> None:
    with host(200, b'{"bitcoin":{}}') as (url, asked):
        assert CoinGecko(url).prices(["bitcoin", "usd-coin"], ["usd", "eur"]) == b'{"bitcoin":{}}'
    ((path, headers),) = asked
    found = urlsplit(path)
    assert found.path == "/api/v3/simple/price"
    assert {name: one for name, (one,) in parse_qs(found.query).items()} == {
        "ids": "bitcoin,usd-coin",
        "vs_currencies": "usd,eur",
        "include_market_cap": "true",
        "include_24hr_vol": "true",
        "include_24hr_change": "true",
        "include_last_updated_at": "true",
        "precision": "full",
    }
    assert not [name for name in headers if name.startswith("x-cg")]


def test_the_past_is_asked_for_from_second_to_second() -> None:
    with host(200, b"{}") as (url, asked):
        CoinGecko(url).chart("bitcoin", "usd", (1_711_929_600_000_000, 1_712_016_000_000_000))
    found = urlsplit(asked[0][0])
    assert found.path == "/api/v3/coins/bitcoin/market_chart/range"
    assert parse_qs(found.query) == {
        "vs_currency": ["usd"],
        "from": ["1711929600"],
        "to": ["1712015999"],
        "precision": ["full"],
    }


@pytest.mark.parametrize("header", ["x-cg-demo-api-key", "x-cg-pro-api-key"])
def test_a_key_goes_into_its_header_and_shows_nowhere(header: str) -> None:
    key = Key(header, SECRET)
    said = b"you sent " + SECRET.encode()
    with host(401, said) as (url, asked):
        gecko = CoinGecko(url, key)
        with pytest.raises(Refused) as refused:
            gecko.prices(["bitcoin"], ["usd"])
    assert asked[0][1][header] == SECRET
    assert SECRET not in asked[0][0]
    for text in (repr(key), repr(gecko), str(gecko), str(refused.value), repr(refused.value)):
        assert SECRET not in text


def test_a_key_is_sent_over_tls_only() -> None:
    with pytest.raises(InvalidSettings, match="expected https") as refused:
        CoinGecko("http://api.example.com", Key("x-cg-demo-api-key", SECRET))
    assert SECRET not in str(refused.value)
    assert CoinGecko("http://api.example.com").key is None
    assert CoinGecko("https://api.example.com", Key("x-cg-demo-api-key", SECRET)).key is not None


def test_a_key_follows_no_redirection() -> None:
    with (
        host() as (elsewhere, asked_there),
        host(302, b"", ("Location", elsewhere)) as (url, asked),
        pytest.raises(Refused, match="302"),
    ):
        CoinGecko(url, Key("x-cg-demo-api-key", SECRET)).prices(["bitcoin"], ["usd"])
    assert (len(asked), asked_there) == (1, [])


@given(
    st.lists(st.integers(1, 60), max_size=200),
    st.lists(st.sampled_from(["usd", "eur", "btc"]), unique=True, min_size=1),
)
def test_every_coin_is_in_one_request_of_bounded_length(
    sizes: list[int],
    currencies: list[str],
) -> None:
    coins = [f"{number}-{'x' * size}" for number, size in enumerate(sizes)]
    found = [list(batch) for batch in CoinGecko().batches(coins, currencies)]
    assert [coin for batch in found for coin in batch] == coins
    assert all(found)
    lengths = [3 * (len(batch) - 1) + sum(map(len, batch)) for batch in found]
    assert all(length < LONGEST_QUERY for length in lengths)
    # One more would not have fitted beside what is asked for with every coin.
    more = [length + 3 + len(after[0]) for length, after in zip(lengths, found[1:], strict=False)]
    assert all(length > LONGEST_QUERY - 220 for length in more)


def test_a_server_error_is_asked_again_later_and_later(exchange: Remote) -> None:
    waited: list[float] = []
    gecko = CoinGecko(exchange.http_url, sleep=waited.append)
    exchange.inject({"refuse": 500, "refuse_times": 3})
    assert b"bitcoin" in gecko.prices(["bitcoin"], ["usd"])
    assert waited == [1, 2, 4]


def test_who_asks_too_much_waits_as_long_as_it_is_told(exchange: Remote) -> None:
    waited: list[float] = []
    now = 1e9

    def sleep(seconds: float) -> None:
        nonlocal now
        waited.append(seconds)
        now += seconds

    gecko = CoinGecko(exchange.http_url, sleep=sleep, now=lambda: now)
    exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 77})
    assert b"bitcoin" in gecko.prices(["bitcoin"], ["usd"])
    assert sum(waited) == 77
    exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 3_600})
    with pytest.raises(StreamLost) as lost:
        gecko.prices(["bitcoin"], ["usd"])
    assert 3_599 < lost.value.retry_after <= 3_600


def test_a_host_that_cannot_be_reached_is_a_lost_stream() -> None:
    with host() as (url, _):
        pass
    with pytest.raises(StreamLost, match="refused"):
        CoinGecko(url, sleep=lambda _: None).prices(["bitcoin"], ["usd"])


def test_an_answer_that_is_cut_is_a_lost_stream() -> None:
    with (
        host(200, b"{}", ("Transfer-Encoding", "chunked")) as (url, _),
        pytest.raises(StreamLost),
    ):
        CoinGecko(url, sleep=lambda _: None).prices(["bitcoin"], ["usd"])
