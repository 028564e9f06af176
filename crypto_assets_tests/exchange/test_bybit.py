"""Bybit's side of the loopback exchange, by a plain client."""

from __future__ import annotations

import asyncio
import gzip
import json

import aiohttp
import polars as pl

from crypto_assets.exchange import Exchange, random_market
from crypto_assets.exchange.bybit_routes import Session
from crypto_assets.exchange.bybit_wire import day_file, frames, match_id
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.venues import venue

DAY = Partition.of("bybit", "BTCUSDT", "2026-03-01")
MARKET = random_market(["BTCUSDT"], DAY.end_us - 30_000_000, 60, 40.0, 3)
TRADES = MARKET.tapes["BTCUSDT"].trades
BYBIT = venue("bybit")


def test_frames_and_files_hold_the_same_trades() -> None:
    lines = b"".join(b"1772323200000000 %b\n" % frame for frame in frames(TRADES, "BTCUSDT"))
    streamed = BYBIT.decode_frames(lines, 1, last=True)
    published = BYBIT.decode_trades(gzip.decompress(day_file(TRADES, "BTCUSDT")), 1)
    assert streamed.dead == published.dead == ()
    names = [match_id("BTCUSDT", trade_id) for trade_id in TRADES["trade_id"]]
    assert streamed.trades["match_id"].to_list() == names == published.frame["match_id"].to_list()
    same = ["trade_id", "price", "quantity", "is_buyer_maker"]
    assert streamed.trades.select(same).equals(published.frame.select(same))
    assert published.frame["price"].equals(TRADES["price"])


def test_a_session_is_sent_what_comes_after_it_subscribed_once() -> None:
    session, start = Session(), MARKET.start_us
    said = json.dumps({"op": "subscribe", "args": ["publicTrade.BTCUSDT", "tickers.BTCUSDT"]})
    assert json.loads(session.command(said, start + 5_000_000))["success"] is True
    found = [
        json.loads(frame)["data"]
        for until in (5_000_000, 9_000_000, 9_000_000, 20_000_000)
        for frame in session.due(MARKET, start + until)
    ]
    sent = [trade["i"] for rows in found for trade in rows]
    due = TRADES.filter(
        pl.col("time_us").is_between(start + 5_000_000, start + 20_000_000, closed="right"),
    )
    assert sent == [match_id("BTCUSDT", trade_id) for trade_id in due["trade_id"]]


def test_a_command_that_is_none_is_refused_and_a_ping_answered() -> None:
    session = Session()
    for text in ("{", "[]", '{"op":"sing"}', '{"op":"subscribe","args":["nothing"]}'):
        assert json.loads(session.command(text, 0))["success"] is False
    assert json.loads(session.command('{"op":"ping","req_id":"7"}', 0))["ret_msg"] == "pong"
    assert not session.told


def test_a_client_hears_trades_reads_the_clock_and_gets_a_day_that_is_over() -> None:
    asyncio.run(a_client())


async def a_client() -> None:
    async with (
        Exchange(MARKET) as exchange,
        aiohttp.ClientSession() as client,
    ):
        name = f"/trading/BTCUSDT/BTCUSDT{DAY.date.isoformat()}.csv.gz"
        async with client.ws_connect(f"{exchange.ws_url}/v5/public/linear") as socket:
            await socket.send_str('{"op":"subscribe","args":["publicTrade.BTCUSDT"]}')
            ack = json.loads((await socket.receive()).data)
            assert (ack["op"], ack["success"]) == ("subscribe", True)
            heard = json.loads((await socket.receive()).data)
            assert heard["topic"] == "publicTrade.BTCUSDT"
        async with client.get(f"{exchange.http_url}/v5/market/time") as answer:
            assert 0 < int((await answer.json())["result"]["timeNano"]) // 1_000 < DAY.end_us * 2
        exchange.jump(DAY.end_us + DAY_US)
        async with client.get(exchange.http_url + name) as answer:
            body = await answer.read()
        async with client.get(exchange.http_url + name.replace("03-01", "03-09")) as answer:
            assert answer.status == 404
        async with client.get(f"{exchange.http_url}/trading/BTCUSDT/x.csv.gz") as answer:
            assert answer.status == 404
    of_day = TRADES.filter(pl.col("time_us") < DAY.end_us)
    assert body == day_file(of_day, "BTCUSDT")
