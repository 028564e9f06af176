"""Binance's futures and Bybit's V5 answer from the tapes, each in its own words."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from crypto_assets.exchange import PAUSED, Limits, Market, Remote, run_in_thread

MINUTE_MS = 60_000


@pytest.fixture
def exchange(market: Market) -> Iterator[Remote]:
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


def asked(exchange: Remote, path: str) -> object:
    with urllib.request.urlopen(f"{exchange.http_url}{path}") as answer:
        return json.loads(answer.read())


def refused(exchange: Remote, path: str) -> tuple[int, object]:
    with pytest.raises(urllib.error.HTTPError) as error:
        asked(exchange, path)
    with error.value as answer:
        return answer.code, json.loads(answer.read())


SPOT, FUTURES = "/api/v3/klines?symbol=BTCUSDT&interval=1m", "/fapi/v1/klines?symbol=BTCUSDT"
BYBIT = "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1"


def bybit_rows(exchange: Remote, more: str = "") -> list[list[str]]:
    found = asked(exchange, BYBIT + more)
    assert isinstance(found, dict)
    assert (found["retCode"], found["retMsg"]) == (0, "OK")
    return found["result"]["list"]  # type: ignore[no-any-return]


def test_futures_klines_are_those_of_the_tape(exchange: Remote) -> None:
    rows = asked(exchange, f"{FUTURES}&interval=1m")
    assert rows == asked(exchange, SPOT)
    assert rows


def test_bybit_klines_are_those_of_the_tape_newest_first(exchange: Remote) -> None:
    spot = asked(exchange, SPOT)
    assert isinstance(spot, list)
    expected = [[str(row[0]), *row[1:6], row[7]] for row in spot]
    assert bybit_rows(exchange) == expected[::-1]


def test_bybit_gives_the_newest_of_a_span_that_holds_too_many(
    exchange: Remote,
    market: Market,
) -> None:
    start, end = market.start_us // 1_000, market.end_us // 1_000
    whole = bybit_rows(exchange)
    assert len(whole) == 2
    first = int(whole[-1][0])
    assert bybit_rows(exchange, f"&start={first}&limit=1") == whole[-1:]
    assert bybit_rows(exchange, f"&start={first}&end={end}&limit=1") == whole[:1]
    assert bybit_rows(exchange, f"&start={first}&end={start}&limit=1") == whole[-1:]


def test_a_page_can_be_cut_shorter_than_was_asked_for(exchange: Remote) -> None:
    start = f"&startTime={int(bybit_rows(exchange)[-1][0])}&interval=1m"
    whole = asked(exchange, FUTURES + start)
    assert isinstance(whole, list)
    exchange.inject({"kline_page": 1})
    assert asked(exchange, FUTURES + start) == whole[:1]
    exchange.inject({"klines_from_end": True})
    assert asked(exchange, f"{FUTURES}{start}&endTime={whole[-1][0]}") == whole[-1:]


def test_futures_refuse_in_the_exchange_s_words(exchange: Remote) -> None:
    code, said = refused(exchange, "/fapi/v1/klines?symbol=NONE&interval=1m")
    assert (code, said) == (400, {"code": -1121, "msg": "Invalid symbol."})
    code, said = refused(exchange, "/fapi/v1/klines?symbol=BTCUSDT&interval=1s")
    assert (code, said) == (400, {"code": -1120, "msg": "Invalid interval."})
    assert refused(exchange, "/fapi/v1/klines?symbol=BTCUSDT")[0] == 400
    assert refused(exchange, "/fapi/v1/depth")[0] == 404
    exchange.inject({"refuse": 429, "retry_after_s": 7})
    assert refused(exchange, "/fapi/v1/time")[0] == 429


@pytest.mark.parametrize(
    "path",
    [
        "kline?symbol=NONE&interval=1",
        "kline?symbol=BTCUSDT&interval=7",
        "kline?symbol=BTCUSDT&interval=1&category=option",
        "kline?symbol=BTCUSDT&interval=1&start=x",
        "instruments-info",
        "tickers",
    ],
)
def test_bybit_refuses_with_a_code_in_an_answer(exchange: Remote, path: str) -> None:
    found = asked(exchange, f"/v5/market/{path}")
    assert isinstance(found, dict)
    assert found["retCode"] == 10001


def test_requests_that_are_too_many_are_refused(market: Market) -> None:
    limits = Limits(bybit_requests_per_5s=2, futures_weight_per_minute=20)
    with run_in_thread(market, pace=PAUSED, limits=limits) as remote:
        remote.jump(market.end_us)
        for _ in range(2):
            asked(remote, "/v5/market/time")
        assert refused(remote, "/v5/market/time")[0] == 403
        for _ in range(2):
            asked(remote, f"{FUTURES}&interval=1m&limit=1500")
        assert refused(remote, f"{FUTURES}&interval=1m&limit=1500")[0] == 429
        assert remote.counters.too_early == 0
        assert refused(remote, f"{FUTURES}&interval=1m&limit=1500")[0] == 429
        assert remote.counters.too_early == 1


def test_bybit_tells_how_many_requests_are_left(exchange: Remote) -> None:
    left = []
    for _ in range(2):
        with urllib.request.urlopen(f"{exchange.http_url}/v5/market/time") as answer:
            assert answer.headers["X-Bapi-Limit"] == "600"
            left.append(answer.headers["X-Bapi-Limit-Status"])
    assert left == ["599", "598"]


def test_both_tell_the_market_s_time(exchange: Remote, market: Market) -> None:
    assert asked(exchange, "/fapi/v1/time") == {"serverTime": market.end_us // 1_000}
    assert asked(exchange, "/fapi/v1/ping") == {}
    found = asked(exchange, "/v5/market/time")
    assert isinstance(found, dict)
    assert found["result"]["timeNano"] == str(market.end_us * 1_000)
    counters = exchange.counters
    assert counters.requests["fapi/v1/time"] == 1
