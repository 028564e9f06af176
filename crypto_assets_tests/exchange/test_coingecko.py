"""CoinGecko's side of the loopback exchange: its answers' shape, and its faults."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from crypto_assets.exchange import PAUSED, Market, Remote, run_in_thread


@pytest.fixture
def exchange(market: Market) -> Iterator[Remote]:
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


def get(exchange: Remote, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(exchange.http_url + path, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def prices(exchange: Remote, query: str) -> dict[str, Any]:
    status, body = get(exchange, f"/api/v3/simple/price?{query}")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_coin_of_the_market_costs_what_was_traded_last(exchange: Remote, market: Market) -> None:
    found = prices(exchange, "ids=bitcoin,dai&vs_currencies=usd&include_last_updated_at=true")
    at_us = found["bitcoin"]["last_updated_at"] * 1_000_000
    assert at_us == market.end_us // 1_000_000 * 1_000_000 - 20_000_000
    tape = market.tapes["BTCUSDT"].trades
    before = [row for row in tape.iter_rows(named=True) if row["time_us"] <= at_us]
    assert found["bitcoin"]["usd"] == float(before[-1]["price"])
    assert sorted(found["dai"]) == ["last_updated_at", "usd"], "what is not asked for is not told"


def test_an_unknown_currency_is_left_out_and_no_coin_is_an_error(exchange: Remote) -> None:
    assert prices(exchange, "ids=dai&vs_currencies=xyz") == {"dai": {}}
    assert get(exchange, "/api/v3/simple/price?vs_currencies=usd")[0] == 422
    assert (
        get(exchange, "/api/v3/coins/dai/market_chart/range?vs_currency=usd&from=x&to=1")[0] == 422
    )


def test_the_past_has_a_price_an_hour_up_to_now(exchange: Remote, market: Market) -> None:
    now_s = market.end_us // 1_000_000
    asked = f"vs_currency=usd&from={now_s - 7_200}&to={now_s + 7_200}"
    status, body = get(exchange, f"/api/v3/coins/dai/market_chart/range?{asked}")
    assert status == 200
    found = json.loads(body)
    times = [at for at, _ in found["prices"]]
    assert 1 <= len(times) <= 3
    assert max(times) <= now_s * 1_000
    assert [at for at, _ in found["market_caps"]] == times
    assert [at for at, _ in found["total_volumes"]] == times


def test_its_faults_are_null_missing_a_page_and_those_of_rest(exchange: Remote) -> None:
    exchange.inject({"prices_null": ["dai"], "prices_missing": ["bitcoin"]})
    found = prices(exchange, "ids=bitcoin,dai&vs_currencies=usd")
    assert found == {"dai": {"usd": None}}
    asked = "vs_currency=usd&from=0&to=1"
    assert get(exchange, f"/api/v3/coins/bitcoin/market_chart/range?{asked}")[0] == 404
    exchange.inject({"prices_html": True})
    for path in ("simple/price?ids=dai&vs_currencies=usd", f"coins/dai/market_chart/range?{asked}"):
        status, body = get(exchange, f"/api/v3/{path}")
        assert (status, body[:9]) == (200, b"<!DOCTYPE")
        exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 7})
        status, body = get(exchange, f"/api/v3/{path}")
        assert (status, json.loads(body)["status"]["error_code"]) == (429, 429)
