"""The exchange over real sockets: streams, limits and every fault."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, ParamSpec
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from crypto_assets.errors import InvalidSettings
from crypto_assets.exchange import FLAT_OUT, PAUSED, Exchange, Limits, Market, Pace
from crypto_assets.exchange.faults import GARBAGE
from crypto_assets.model.interval import DAY_US
from crypto_assets.venues import venue

Messages = list[dict[str, Any]]
_P = ParamSpec("_P")

TRADES = "/stream?streams=btcusdt@trade"
FAST = Pace(speed=20.0)


def in_loop(test: Callable[_P, Coroutine[None, None, None]]) -> Callable[_P, None]:
    """Run a test in an event loop, for ten seconds at most."""

    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 10.0))

    return run


class Listener:
    """A plain websocket client."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = connection

    async def until(self, enough: Callable[[Messages], bool]) -> Messages:
        """Read messages until they are enough."""
        found: Messages = []
        while not enough(found):
            message = await self.socket.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, message
            found.append(json.loads(message.data))
        return found

    async def ids(self, count: int) -> list[int]:
        """Read so many trades of a combined stream; gives their ids."""
        return [found["data"]["t"] for found in await self.until(lambda got: len(got) == count)]

    async def ended(self) -> int | None:
        """Read until the connection ends; gives its close code."""
        over = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        while (await self.socket.receive()).type not in over:
            continue
        return self.socket.close_code

    async def command(self, method: str, *params: object) -> Any:
        """Send a command; gives its answer, the next message without a stream."""
        await self.socket.send_json({"method": method, "params": params, "id": 1})
        return (await self.until(lambda found: any("id" in message for message in found)))[-1]


@asynccontextmanager
async def listening(
    exchange: Exchange,
    path: str = TRADES,
    *,
    autoping: bool = True,
) -> AsyncIterator[Listener]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(exchange.ws_url + path, autoping=autoping) as connection,
    ):
        yield Listener(connection)


async def get(
    exchange: Exchange,
    path: str,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str], bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(exchange.http_url + path, headers=headers) as response,
    ):
        return response.status, response.headers, await response.read()


async def post(exchange: Exchange, path: str, body: object) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(exchange.http_url + path, json=body) as response,
    ):
        return response.status, await response.json()


async def eventually(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110 - the exchange tells by its counters only
        await asyncio.sleep(0.005)


def ids_of(market: Market) -> list[int]:
    return [int(trade_id) for trade_id in market.tapes["BTCUSDT"].ids]


# Streams


@in_loop
async def test_flat_out_every_trade_comes_once_and_in_order(market: Market) -> None:
    async with Exchange(market, pace=FLAT_OUT) as exchange, listening(exchange) as listener:
        assert await listener.ids(1_500) == ids_of(market)
        assert exchange.counters.frames == {"trade": 1_500}


@in_loop
async def test_what_is_captured_is_decoded_without_a_dead_letter(market: Market) -> None:
    streams = "btcusdt@trade/btcusdt@bookTicker/btcusdt@aggTrade/btcusdt@kline_1s/ethusdt@trade"
    for unit in ("MILLISECOND", "MICROSECOND"):
        lines = []
        async with (
            Exchange(market, pace=FLAT_OUT) as exchange,
            listening(exchange, f"/stream?streams={streams}&timeUnit={unit}") as listener,
        ):
            left = {"btcusdt@trade": 1_500, "btcusdt@bookTicker": 1_500, "ethusdt@trade": 1_500}
            while any(left.values()):
                message = await listener.socket.receive()
                lines.append(f"{market.start_us} {message.data}\n")
                stream = json.loads(message.data)["stream"]
                if stream in left:
                    left[stream] -= 1
        found = venue("binance").decode_frames("".join(lines).encode(), 1, last=True)
        assert not found.dead
        assert found.units == {"ms" if unit == "MILLISECOND" else "us"}
        assert len(found.trades) == 3_000
        assert len(found.quotes) == 1_500
        assert found.ignored.keys() == {"aggTrade", "kline"}
        mine = market.tapes["BTCUSDT"].trades
        told = found.trades.filter(found.trades["symbol"] == "BTCUSDT")
        for name in ("trade_id", "price", "quantity", "is_buyer_maker"):
            assert told[name].to_list() == mine[name].to_list()


@in_loop
async def test_streams_come_in_order_of_time_and_klines_count_every_trade(market: Market) -> None:
    path = "/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@kline_1s&timeUnit=MICROSECOND"
    async with Exchange(market, pace=FLAT_OUT) as exchange, listening(exchange, path) as listener:
        tape, second = market.tapes["BTCUSDT"], 1_000_000
        expected = {
            "trade": len(tape.trades),
            "aggTrade": len(tape.aggregates),
            "kline": market.end_us // second - tape.first_us // second,
        }
        found = await listener.until(lambda got: len(got) == sum(expected.values()))
    assert Counter(message["data"]["e"] for message in found) == expected
    times = [message["data"]["E"] for message in found if message["data"]["e"] != "aggTrade"]
    assert times == sorted(times)
    at = ids_of(market)[0]
    for message in found:
        if message["data"]["e"] == "kline":
            kline = message["data"]["k"]
            assert kline["x"] is True
            if kline["n"]:
                assert (kline["f"], kline["L"] - kline["f"] + 1) == (at, kline["n"])
                at = kline["L"] + 1
    at = ids_of(market)[0]
    for message in found:
        if message["data"]["e"] == "aggTrade":
            assert message["data"]["f"] == at
            at = message["data"]["l"] + 1


@in_loop
async def test_a_raw_stream_is_not_wrapped_and_subscribing_starts_it(market: Market) -> None:
    async with Exchange(market, pace=FAST) as exchange:
        async with listening(exchange, "/ws/btcusdt@trade") as listener:
            (first,) = await listener.until(lambda got: len(got) == 1)
            assert list(first) == ["e", "E", "s", "t", "p", "q", "T", "m", "M"]
        async with listening(exchange, "/ws") as listener:
            assert await listener.command("SUBSCRIBE", "ethusdt@trade", "ethusdt@depth@100ms") == {
                "result": None,
                "id": 1,
            }
            (trade,) = await listener.until(lambda got: len(got) == 1)
            assert trade["s"] == "ETHUSDT"
            listed = await listener.command("LIST_SUBSCRIPTIONS")
            assert listed["result"] == ["ethusdt@trade", "ethusdt@depth@100ms"]
            await listener.command("UNSUBSCRIBE", "ethusdt@trade")
            sent, before = exchange.counters.frames, exchange.counters.now_us
            await eventually(lambda: exchange.counters.now_us > before + 1_000_000)
            assert exchange.counters.frames == sent


@in_loop
async def test_the_pace_is_market_seconds_a_second(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange:
        before = exchange.counters.now_us
        await asyncio.sleep(0.05)
        assert exchange.counters.now_us == before
        began = time.monotonic()
        assert (await post(exchange, "/_control/pace", {"speed": 50}))[0] == 200
        await asyncio.sleep(0.1)
        exchange.play(PAUSED)
        played = exchange.counters.now_us - before
        assert 0 < played <= (time.monotonic() - began) * 50 * 1_000_000
        assert (await post(exchange, "/_control/pace", {"sped": 50}))[0] == 400


@in_loop
async def test_a_jump_is_in_rest_and_not_in_the_stream(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange, listening(exchange) as listener:
        half = int(market.tapes["BTCUSDT"].trade_due[700])
        status, told = await post(exchange, "/_control/jump", {"to_us": half})
        assert status == 200
        last = told["issued"]["BTCUSDT"][1]
        exchange.play(FLAT_OUT)
        assert (await listener.ids(1))[0] == last + 1
        _, _, body = await get(
            exchange,
            f"/api/v3/historicalTrades?symbol=BTCUSDT&fromId={last}&limit=1",
        )
        assert json.loads(body)[0]["id"] == last


# Pings, limits, ends


@in_loop
async def test_a_ping_comes_and_its_copy_keeps_the_connection(market: Market) -> None:
    limits = Limits(ping_every_s=0.3, pong_within_s=0.5)
    async with (
        Exchange(market, pace=PAUSED, limits=limits) as exchange,
        listening(exchange, autoping=False) as listener,
    ):
        for _ in range(3):
            message = await listener.socket.receive()
            assert message.type is aiohttp.WSMsgType.PING
            assert message.data
            await listener.socket.pong(bytes(message.data))
        assert exchange.counters.connections == 1


@pytest.mark.parametrize("pong", [None, b"", b"not a copy"])
def test_who_does_not_copy_the_ping_is_cut(market: Market, pong: bytes | None) -> None:
    @in_loop
    async def run() -> None:
        limits = Limits(ping_every_s=0.05, pong_within_s=0.1, messages_per_s=1_000)
        async with (
            Exchange(market, pace=PAUSED, limits=limits) as exchange,
            listening(exchange, autoping=False) as listener,
        ):
            while True:
                message = await listener.socket.receive()
                if message.type is not aiohttp.WSMsgType.PING:
                    break
                if pong is not None:
                    await listener.socket.pong(pong)
            assert listener.socket.close_code == 1008
            assert exchange.counters.cuts == {"Pong timeout": 1}

    run()


@in_loop
async def test_a_clients_ping_is_answered_and_counts_as_a_message(market: Market) -> None:
    async with (
        Exchange(market, pace=PAUSED) as exchange,
        listening(exchange, autoping=False) as listener,
    ):
        await listener.socket.ping(b"hello")
        message = await listener.socket.receive()
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"hello")
        for _ in range(5):
            await listener.socket.ping()
        assert await listener.ended() == 1008
        assert exchange.counters.cuts == {"Too many requests": 1}


@in_loop
async def test_more_than_five_commands_a_second_are_cut(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange, listening(exchange, "/ws") as listener:
        for k in range(6):
            await listener.socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": k})
        assert await listener.ended() == 1008


@in_loop
async def test_a_connection_ends_after_its_day(market: Market) -> None:
    limits = Limits(lifetime_s=0.05)
    async with (
        Exchange(market, pace=PAUSED, limits=limits) as exchange,
        listening(exchange) as listener,
    ):
        assert await listener.ended() == 1001


@in_loop
async def test_too_many_connections_and_bad_units_are_refused(market: Market) -> None:
    async with Exchange(market, limits=Limits(connections_per_5min=1)) as exchange:
        async with listening(exchange):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with listening(exchange):
                pass
        assert caught.value.status == 429
    async with Exchange(market) as exchange:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with listening(exchange, f"{TRADES}&timeUnit=HOURS"):
                pass
        assert caught.value.status == 400
        many = "/".join(f"s{k}@trade" for k in range(1_025))
        async with listening(exchange, "/ws") as listener:
            answer = await listener.command("SUBSCRIBE", *many.split("/"))
            assert answer["code"] == 2


@pytest.mark.parametrize("pace", [FLAT_OUT, Pace(speed=1_000.0)])
def test_a_consumer_that_does_not_read_is_cut_and_holds_no_more_than_its_share(
    recorded: Market,
    pace: Pace,
) -> None:
    @in_loop
    async def run() -> None:
        limits = Limits(backlog_bytes=1 << 20, stall_s=0.2)
        async with Exchange(recorded, pace=pace, limits=limits) as exchange:
            port = int(exchange.ws_url.rpartition(":")[2])
            with socket.socket() as lazy:
                # Small buffers, so that it is the exchange that has to hold what is not read.
                lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                lazy.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(lazy, ("127.0.0.1", port))
                streams = "btcusdt@trade/btcusdt@bookTicker"
                request = (
                    f"GET /stream?streams={streams} HTTP/1.1\r\nHost: loopback\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                )
                await loop.sock_sendall(lazy, request.encode())
                await eventually(lambda: exchange.counters.cuts == {"slow consumer": 1})
                await eventually(lambda: exchange.counters.connections == 0)

    run()


# REST and control over HTTP


@in_loop
async def test_weights_are_told_and_429_becomes_418(market: Market) -> None:
    limited = Exchange(market, limits=Limits(weight_per_minute=10, patience=1))
    async with Exchange(market) as exchange, limited:
        status, headers, _ = await get(exchange, "/api/v3/trades?symbol=BTCUSDT")
        assert status == 200
        assert headers["X-MBX-USED-WEIGHT-1M"] == headers["x-mbx-used-weight"] == "25"
        found = [await get(limited, "/api/v3/trades?symbol=BTCUSDT") for _ in range(3)]
        assert [status for status, _, _ in found] == [429, 418, 418]
        assert 1 <= int(found[0][1]["Retry-After"]) <= 60
        assert int(found[1][1]["Retry-After"]) == 120
        assert json.loads(found[0][2])["code"] == -1003
        assert limited.counters.statuses == {429: 1, 418: 2}


@in_loop
async def test_a_ban_ends(market: Market) -> None:
    limits = Limits(weight_per_minute=20, patience=1, first_ban_s=0.1)
    async with Exchange(market, limits=limits) as exchange:
        for expected in (429, 418):
            status, _, _ = await get(exchange, "/api/v3/trades?symbol=BTCUSDT")
            assert status == expected
        while status == 418:
            status, _, _ = await get(exchange, "/api/v3/ping")
        assert status == 429


@in_loop
async def test_errors_are_the_exchanges(market: Market) -> None:
    async with Exchange(market) as exchange:
        status, headers, body = await get(exchange, "/api/v3/trades?symbol=NOUSDT")
        assert (status, json.loads(body)) == (400, {"code": -1121, "msg": "Invalid symbol."})
        assert headers["Content-Type"].startswith("application/json")
        status, _, body = await get(exchange, "/api/v3/time", {"X-MBX-TIME-UNIT": "HOUR"})
        assert (status, json.loads(body)["code"]) == (400, -1194)
        assert (await get(exchange, "/api/v3/order"))[0] == 404


@in_loop
async def test_times_in_microseconds_on_request(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange:
        exchange.jump(market.end_us)
        for headers, expected in (
            ({}, market.end_us // 1_000),
            ({"X-MBX-TIME-UNIT": "MICROSECOND"}, market.end_us),
        ):
            _, _, body = await get(exchange, "/api/v3/time", headers)
            assert json.loads(body)["serverTime"] == expected


@in_loop
async def test_faults_are_set_over_http_and_told(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange:
        status, told = await post(exchange, "/_control/faults", {"drop": 3})
        assert (status, told["drop"]) == (200, 3)
        assert json.loads((await get(exchange, "/_control/faults"))[2])["drop"] == 3
        for wrong in ({"dorp": 1}, [1]):
            status, told = await post(exchange, "/_control/faults", wrong)
            assert status == 400
        assert (await post(exchange, "/_control/jump", {"to": 1}))[0] == 400
        with pytest.raises(InvalidSettings):
            exchange.inject({"hang_up": "softly"})


@in_loop
async def test_the_port_is_of_the_loopback_only(market: Market) -> None:
    async with Exchange(market) as one, Exchange(market) as two:
        assert one.http_url.startswith("http://127.0.0.1:")
        assert one.http_url != two.http_url


# Faults


@in_loop
async def test_dropped_trades_are_in_rest_only_and_counted(market: Market) -> None:
    ids = ids_of(market)
    faults = {"drop": 3, "drop_ids": {"BTCUSDT": [[ids[10], ids[12]]]}}
    async with (
        Exchange(market, pace=FLAT_OUT, faults=faults) as exchange,
        listening(exchange) as listener,
    ):
        expected = ids[3:10] + ids[13:]
        assert await listener.ids(len(expected)) == expected
        gaps = [(ids[0], ids[2]), (ids[10], ids[12])]
        assert exchange.counters.dropped["BTCUSDT"] == gaps
        assert exchange.counters.issued["BTCUSDT"] == (ids[0], ids[-1])
        path = f"/api/v3/historicalTrades?symbol=BTCUSDT&fromId={ids[10]}&limit=3"
        _, _, body = await get(exchange, path)
        assert [row["id"] for row in json.loads(body)] == ids[10:13]


@in_loop
async def test_trades_are_doubled_and_exchanged(market: Market) -> None:
    ids = ids_of(market)
    for faults, expected in (
        ({"duplicate": 2}, [ids[0], ids[0], ids[1], ids[1], ids[2]]),
        ({"reorder": 2}, [ids[1], ids[0], ids[3], ids[2], ids[4]]),
    ):
        async with (
            Exchange(market, pace=FLAT_OUT, faults=faults) as exchange,
            listening(exchange) as listener,
        ):
            assert await listener.ids(5) == expected


@in_loop
async def test_garbage_comes_between_trades_and_takes_none_away(market: Market) -> None:
    lines: list[str] = []
    async with (
        Exchange(market, pace=FLAT_OUT, faults={"garbage": 6}) as exchange,
        listening(exchange) as listener,
    ):
        while len(lines) < 20:
            message = await listener.socket.receive()
            lines.append(f"{market.start_us} {message.data}\n")
    found = venue("binance").decode_frames("".join(lines).encode(), 1, last=True)
    assert len(found.dead) == len(GARBAGE) == 6
    assert found.trades["trade_id"].to_list() == ids_of(market)[:14]


@in_loop
async def test_silence_sends_nothing_and_what_it_swallowed_is_told(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange, listening(exchange) as listener:
        exchange.inject({"silence_s": 0.2})
        exchange.play(FAST)
        first = (await listener.ids(1))[0]
        ((low, high),) = exchange.counters.dropped["BTCUSDT"]
        assert (low, high) == (ids_of(market)[0], first - 1)
        assert exchange.faults.silence_s is None


@in_loop
async def test_silence_holds_back_pings_too(market: Market) -> None:
    limits = Limits(ping_every_s=0.02)
    async with (
        Exchange(market, pace=PAUSED, limits=limits, faults={"silence_s": 2.0}) as exchange,
        listening(exchange, autoping=False) as listener,
    ):
        with pytest.raises(TimeoutError):
            await listener.socket.receive(timeout=0.1)
        assert exchange.counters.connections == 1


@pytest.mark.parametrize(("how", "code"), [("abort", 1006), ("close", 1001)])
def test_hanging_up_cuts_everybody_once(market: Market, how: str, code: int) -> None:
    @in_loop
    async def run() -> None:
        async with (
            Exchange(market, pace=PAUSED) as exchange,
            listening(exchange) as one,
            listening(exchange, "/ws") as two,
        ):
            exchange.inject({"hang_up": how})
            assert [await one.ended(), await two.ended()] == [code, code]
            assert exchange.counters.cuts == {"hang-up": 2}
            async with listening(exchange) as again:
                exchange.play(FLAT_OUT)
                await again.ids(1)

    run()


@in_loop
async def test_hanging_up_every_so_often(market: Market) -> None:
    async with Exchange(market, faults={"hang_up_every_s": 0.05}) as exchange:
        for _ in range(3):
            async with listening(exchange) as listener:
                await listener.ended()
        assert exchange.counters.cuts["hang-up"] >= 3


@in_loop
async def test_a_shutdown_is_announced_and_then_happens(market: Market) -> None:
    async with (
        Exchange(market, pace=PAUSED) as exchange,
        listening(exchange) as wrapped,
        listening(exchange, "/ws") as raw,
    ):
        exchange.inject({"server_shutdown_s": 0.05})
        (notice,) = await wrapped.until(lambda got: len(got) == 1)
        assert (notice["stream"], notice["data"]["e"]) == ("!serverShutdown", "serverShutdown")
        (bare,) = await raw.until(lambda got: len(got) == 1)
        assert bare["e"] == "serverShutdown"
        async with listening(exchange) as fresh:
            assert [await wrapped.ended(), await raw.ended()] == [1001, 1001]
            exchange.play(FLAT_OUT)
            await fresh.ids(1)


@in_loop
async def test_slow_answers_are_slow(market: Market) -> None:
    async with Exchange(market, faults={"slow_answer_s": 0.1}) as exchange:
        began = asyncio.get_running_loop().time()
        assert (await get(exchange, "/api/v3/ping"))[0] == 200
        # The loop's clock may wake a sleeper a tick of it early.
        assert asyncio.get_running_loop().time() - began >= 0.09


@in_loop
async def test_refusals_on_demand(market: Market) -> None:
    async with Exchange(market, pace=PAUSED) as exchange:
        exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 7})
        status, headers, _ = await get(exchange, "/api/v3/ping")
        assert (status, headers["Retry-After"]) == (429, "7")
        assert (await get(exchange, "/api/v3/ping"))[0] == 200
        exchange.inject({"refuse": 418})
        assert (await get(exchange, "/api/v3/ping"))[0] == 418
        async with listening(exchange):
            pass
        exchange.inject({"refuse": 451})
        for path in ("/api/v3/ping", "/?prefix=", "/data/x"):
            assert (await get(exchange, path))[0] == 451
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with listening(exchange):
                pass
        assert caught.value.status == 451
        exchange.inject({"refuse": None})
        assert (await get(exchange, "/api/v3/ping"))[0] == 200


@in_loop
async def test_rest_lags_behind_the_stream(market: Market) -> None:
    async with Exchange(market, pace=PAUSED, faults={"rest_lag_ids": 5}) as exchange:
        exchange.jump(market.end_us)
        path = "/api/v3/trades?symbol=BTCUSDT&limit=1"
        last = ids_of(market)[-1]
        assert json.loads((await get(exchange, path))[2])[0]["id"] == last - 5
        exchange.inject({"rest_lag_ids": 0, "rest_lag_s": 20})
        assert json.loads((await get(exchange, path))[2])[0]["id"] < last - 5
        exchange.inject({"rest_lag_s": 0})
        assert json.loads((await get(exchange, path))[2])[0]["id"] == last


@pytest.mark.parametrize(
    ("switch", "status", "quotes"),
    [("halted", "HALT", True), ("in_break", "BREAK", False)],
)
def test_a_halt_stops_trades_and_a_break_all_of_a_symbol_until_it_ends(
    market: Market,
    switch: str,
    status: str,
    quotes: bool,  # noqa: FBT001 - a parameter
) -> None:
    @in_loop
    async def run() -> None:
        path = "/stream?streams=btcusdt@trade/btcusdt@bookTicker/ethusdt@trade"
        async with (
            Exchange(market, pace=PAUSED, faults={switch: ["BTCUSDT"]}) as exchange,
            listening(exchange, path) as listener,
        ):
            exchange.play(FAST)
            found = await listener.until(
                lambda got: sum("t" in message["data"] for message in got) == 100,
            )
            assert {m["data"]["s"] for m in found if "t" in m["data"]} == {"ETHUSDT"}
            assert any("u" in message["data"] for message in found) is quotes
            _, _, body = await get(exchange, "/api/v3/exchangeInfo?symbol=BTCUSDT")
            assert json.loads(body)["symbols"][0]["status"] == status
            assert exchange.counters.issued["BTCUSDT"] is None
            exchange.inject({switch: []})
            resumed_us = exchange.counters.now_us
            found = await listener.until(lambda got: got[-1:] != [] and _is_bitcoin(got[-1]))
            assert found[-1]["data"]["t"] == ids_of(market)[0]
            assert found[-1]["data"]["T"] >= resumed_us // 1_000
            _, _, body = await get(exchange, "/api/v3/exchangeInfo?symbol=BTCUSDT")
            assert json.loads(body)["symbols"][0]["status"] == "TRADING"

    run()


@in_loop
async def test_a_delisted_symbol_is_silent_and_the_others_are_not(market: Market) -> None:
    path = "/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@kline_1s/ethusdt@trade"
    async with (
        Exchange(market, pace=FLAT_OUT, faults={"delisted": ["BTCUSDT"]}) as exchange,
        listening(exchange, path) as listener,
    ):
        found = await listener.until(lambda got: len(got) == 1_500)
        assert {message["stream"] for message in found} == {"ethusdt@trade"}


def _is_bitcoin(message: Mapping[str, Any]) -> bool:
    return bool(message["stream"] == "btcusdt@trade")


@in_loop
async def test_the_archive_is_listed_downloaded_and_misbehaves_on_order(market: Market) -> None:
    midnight = market.end_us // DAY_US * DAY_US
    name = "BTCUSDT-trades-2025-01-01.zip"
    folder = "data/spot/daily/trades/BTCUSDT/"
    async with Exchange(market, pace=PAUSED, faults={"archive_late_s": 3}) as exchange:
        exchange.jump(midnight + 2_000_000)
        assert (await get(exchange, f"/{folder}{name}"))[0] == 404
        exchange.jump(midnight + 3_000_000)
        _, _, body = await get(exchange, f"/?delimiter=/&prefix={folder}")
        space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        root = ET.fromstring(body)
        keys = [found.text for found in root.iter(f"{space}Key")]
        assert keys == [f"{folder}{name}", f"{folder}{name}.CHECKSUM"]
        _, headers, whole = await get(exchange, f"/{folder}{name}")
        assert root.findtext(f"{space}Contents/{space}ETag") == headers["ETag"]
        assert root.findtext(f"{space}Contents/{space}Size") == str(len(whole))
        status, headers, part = await get(exchange, f"/{folder}{name}", {"Range": "bytes=10-19"})
        assert (status, part) == (206, whole[10:20])
        assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
        past = {"Range": f"bytes={len(whole)}-"}
        assert (await get(exchange, f"/{folder}{name}", past))[0] == 416
        _, _, right = await get(exchange, f"/{folder}{name}.CHECKSUM")
        exchange.inject({"wrong_checksums": ["BTCUSDT"]})
        _, _, wrong = await get(exchange, f"/{folder}{name}.CHECKSUM")
        assert wrong != right
        exchange.inject({"wrong_checksums": [], "republished": ["BTCUSDT"]})
        _, _, anew = await get(exchange, f"/{folder}{name}")
        _, _, summed = await get(exchange, f"/{folder}{name}.CHECKSUM")
        assert anew != whole
        assert summed not in (right, wrong)
        assert (await get(exchange, "/?max-keys=x"))[0] == 400
        assert exchange.counters.requests["archive"] == 10
