"""Clients nobody changed, against the exchange in a thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
import websockets
from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

from crypto_assets.exchange import (
    FLAT_OUT,
    PAUSED,
    Exchange,
    Limits,
    Market,
    Pace,
    Remote,
    run_in_thread,
)


@pytest.fixture
def exchange(market: Market) -> Iterator[Remote]:
    """All of the market, standing still at its end."""
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


def last_id(market: Market) -> int:
    return int(market.tapes["BTCUSDT"].ids[-1])


def pointed(client: Any, exchange: Remote) -> Any:
    """Point a ccxt client at the exchange; its other addresses stay and are not called."""
    for name in ("public", "private", "v1", "sapi"):
        client.urls["api"][name] = f"{exchange.http_url}/api/v3"
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["spot"] = f"{exchange.ws_url}/ws"
    client.options["fetchCurrencies"] = False
    client.options["fetchMarkets"] = {"types": ["spot"]}
    return client


Spots = Callable[..., Spot]


@pytest.fixture
def spot() -> Iterator[Spots]:
    """Make REST clients of binance-connector and close their sessions, which it leaves open."""
    with ExitStack() as made:

        def make(**options: object) -> Spot:  # the client's own
            client = Spot(**options)
            made.callback(client.session.close)
            return client

        yield make


def test_binance_connector_reads_every_endpoint(
    exchange: Remote,
    market: Market,
    spot: Spots,
) -> None:
    client = spot(base_url=exchange.http_url, api_key="loopback", show_limit_usage=True)
    assert client.ping()["data"] == {}
    assert client.time()["data"] == {"serverTime": market.end_us // 1_000}
    info = client.exchange_info(symbols=["BTCUSDT", "ETHUSDT"])["data"]
    assert [entry["symbol"] for entry in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    told = client.trades("BTCUSDT", limit=2)
    assert told["data"][-1]["id"] == last_id(market)
    assert int(told["limit_usage"]["x-mbx-used-weight-1m"]) == 1 + 1 + 20 + 25
    old = client.historical_trades("BTCUSDT", fromId=last_id(market) - 9, limit=5)["data"]
    assert [row["id"] for row in old] == list(range(last_id(market) - 9, last_id(market) - 4))
    assert client.agg_trades("BTCUSDT", limit=1)["data"][0]["l"] == last_id(market)
    bars = client.klines("BTCUSDT", "1m")["data"]
    assert sum(bar[8] for bar in bars) == len(market.tapes["BTCUSDT"].ids)
    assert client.book_ticker("BTCUSDT")["data"]["symbol"] == "BTCUSDT"
    micro = spot(base_url=exchange.http_url, time_unit="microsecond")
    assert micro.time() == {"serverTime": market.end_us}


def test_binance_connector_raises_the_exchanges_errors(exchange: Remote, spot: Spots) -> None:
    client = spot(base_url=exchange.http_url)
    with pytest.raises(ClientError) as caught:
        client.klines("NOSUCHUSDT", "1m")
    assert (caught.value.status_code, caught.value.error_code) == (400, -1121)
    exchange.inject({"refuse": 429, "refuse_times": 1})
    with pytest.raises(ClientError) as caught:
        client.ping()
    assert caught.value.status_code == 429
    assert caught.value.header["Retry-After"] == "1"


def heard(
    remote: Remote,
    subscribe: Callable[[SpotWebsocketStreamClient], None],
    enough: Callable[[list[Any]], bool],
    *,
    combined: bool,
    time_unit: str | None = None,
) -> list[Any]:
    """Listen with binance-connector until it is enough."""
    found: list[Any] = []
    done = threading.Event()

    def take(_: object, text: str) -> None:
        found.append(json.loads(text))
        if enough(found):
            done.set()

    client = SpotWebsocketStreamClient(
        stream_url=remote.ws_url,
        on_message=take,
        is_combined=combined,
        time_unit=time_unit,
    )
    try:
        subscribe(client)
        assert done.wait(10.0)
    finally:
        stop(client)
    return found


def stop(client: SpotWebsocketStreamClient) -> None:
    """Stop a client of binance-connector and close its socket, which it leaves open."""
    client.stop()
    client.socket_manager.ws.shutdown()


def test_binance_connector_listens_to_trades(market: Market) -> None:
    ids = market.tapes["BTCUSDT"].ids.tolist()
    with run_in_thread(market, pace=FLAT_OUT) as remote:
        found = heard(
            remote,
            lambda client: client.trade("btcusdt"),
            lambda got: len(got) >= 1 + len(ids),
            combined=False,
            time_unit="microsecond",
        )
    assert found[0]["result"] is None
    assert [message["t"] for message in found[1:]] == ids
    assert found[1]["T"] == market.tapes["BTCUSDT"].trades["time_us"][0]


def test_binance_connector_listens_to_several_streams_at_once(market: Market) -> None:
    names = ["btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@kline_1s"]
    with run_in_thread(market, pace=FLAT_OUT) as remote:
        found = heard(
            remote,
            lambda client: client.subscribe(names),
            lambda got: {message.get("stream") for message in got} >= set(names),
            combined=True,
        )
    assert {message["stream"] for message in found if "stream" in message} == set(names)


def test_binance_connector_answers_a_ping_twice_and_one_of_them_is_its_copy(
    market: Market,
) -> None:
    """Its websocket library copies the payload; the client itself adds a pong that is empty."""
    limits = Limits(ping_every_s=0.1, pong_within_s=1.5, messages_per_s=100)
    enough = threading.Event()
    pings: list[object] = []

    def take_ping(_: object, payload: object) -> None:
        pings.append(payload)
        if len(pings) == 20:
            enough.set()

    with run_in_thread(market, pace=PAUSED, limits=limits) as remote:
        client = SpotWebsocketStreamClient(stream_url=remote.ws_url, on_ping=take_ping)
        try:
            assert enough.wait(20.0)
            assert remote.counters.cuts == {}
        finally:
            stop(client)


def test_binance_connector_is_told_why_it_is_cut(market: Market) -> None:
    closed = threading.Event()
    with run_in_thread(market, pace=PAUSED) as remote:
        client = SpotWebsocketStreamClient(
            stream_url=remote.ws_url,
            on_close=lambda _: closed.set(),
        )
        for k in range(6):
            client.list_subscribe(id=k + 1)
        assert closed.wait(5.0)
        stop(client)
        assert remote.counters.cuts == {"Too many requests": 1}


def test_ccxt_reads_markets_trades_and_bars(exchange: Remote, market: Market) -> None:
    client = pointed(ccxt.binance(), exchange)
    markets = client.load_markets()
    assert markets["BTC/USDT"]["precision"] == {
        **markets["BTC/USDT"]["precision"],
        "amount": 0.00001,
        "price": 0.01,
    }
    told = client.fetch_trades("BTC/USDT", limit=3)
    assert told[-1]["info"]["l"] == last_id(market)
    newest = client.fetch_trades(
        "BTC/USDT", limit=3, params={"fetchTradesMethod": "publicGetTrades"}
    )
    assert newest[-1]["id"] == str(last_id(market))
    bars = client.fetch_ohlcv("BTC/USDT", "1s", limit=10)
    assert len(bars) == 10
    with pytest.raises(ccxt.BadSymbol):
        client.public_get_klines({"symbol": "NOSUCHUSDT", "interval": "1m"})
    exchange.inject({"refuse": 418})
    with pytest.raises(ccxt.DDoSProtection):
        client.fetch_time()
    client.session.close()


def test_ccxt_reads_asynchronously(exchange: Remote, market: Market) -> None:
    async def read() -> list[dict[str, Any]]:
        client = pointed(ccxt.async_support.binance(), exchange)
        try:
            await client.load_markets()
            found: list[dict[str, Any]] = await client.fetch_trades(
                "BTC/USDT",
                limit=1,
                params={"fetchTradesMethod": "publicGetTrades"},
            )
            return found
        finally:
            await client.close()

    assert asyncio.run(read())[0]["id"] == str(last_id(market))


def test_ccxt_pro_watches_trades(market: Market) -> None:
    async def watch(remote: Remote) -> list[str]:
        client = pointed(ccxt.pro.binance({"newUpdates": True}), remote)
        found: list[str] = []
        try:
            async with asyncio.timeout(10):
                while len(found) < 100:
                    trades = await client.watch_trades("BTC/USDT")
                    found += [trade["id"] for trade in trades]
                    assert trades[0]["info"]["p"]
            return found
        finally:
            await client.close()

    with run_in_thread(market, pace=PAUSED) as remote:
        timer = threading.Thread(target=start_when_heard, args=(remote,))
        timer.start()
        found = asyncio.run(watch(remote))
        timer.join()
    # It subscribes after it has connected: what is sent in between it does not hear.
    assert 0 <= int(found[0]) - int(market.tapes["BTCUSDT"].ids[0]) < 20
    assert found == [str(int(found[0]) + k) for k in range(len(found))]


def start_when_heard(remote: Remote) -> None:
    """Let the market begin once somebody is connected."""
    while not remote.counters.connections:
        continue
    remote.play(Pace(speed=20.0))


def test_websockets_listens_and_pongs_by_itself(market: Market) -> None:
    async def listen() -> list[int]:
        limits = Limits(ping_every_s=0.3, pong_within_s=0.6)
        async with (
            Exchange(market, pace=PAUSED, limits=limits) as exchange,
            websockets.connect(f"{exchange.ws_url}/ws/btcusdt@trade") as connection,
        ):
            await asyncio.sleep(1.0)
            exchange.play(FLAT_OUT)
            return [json.loads(await connection.recv())["t"] for _ in range(1_500)]

    assert asyncio.run(listen()) == market.tapes["BTCUSDT"].ids.tolist()


def test_the_thread_ends_with_its_block_and_frees_the_port(market: Market) -> None:
    with run_in_thread(market) as remote:
        port = int(remote.http_url.rpartition(":")[2])
        assert remote.faults.drop == 0
    assert not any(thread.name == "loopback-exchange" for thread in threading.enumerate())
    with run_in_thread(market, port=port) as remote:
        assert remote.http_url.endswith(f":{port}")
        with pytest.raises(OSError, match=str(port)), run_in_thread(market, port=port):
            pass
