"""Bybit's side of the loopback exchange: its public stream and its archive of trades.

It plays the same market. Faults are for the other side: here only a connection's end is a loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import polars as pl
from aiohttp import WSMsgType, web

from crypto_assets.errors import InvalidName
from crypto_assets.exchange import bybit_wire
from crypto_assets.exchange.market import Market
from crypto_assets.model.partition import Partition

Look = Callable[[], tuple[Market, int]]
"""Shows the market and its time, in microseconds."""

_TICK_S = 0.01
_TOPIC = "publicTrade."


class _Command(msgspec.Struct):
    """What a client says."""

    op: str
    args: list[str] = []
    req_id: str = ""


_command = msgspec.json.Decoder(_Command)


def routes(look: Look) -> list[web.RouteDef]:
    """Give the addresses that this side answers."""
    side = _Side(look)
    return [
        web.get("/v5/public/linear", side.stream),
        web.get("/trading/{symbol}/{file}", side.file),
    ]


class Session:
    """One connection: what it listens to, and up to when it was told."""

    def __init__(self) -> None:
        self.told: dict[str, int] = {}
        """The market time up to which trades were sent, by symbol."""

    def command(self, text: str, now_us: int) -> bytes:
        """Obey a command; gives the answer. What it subscribes to comes from now on."""
        try:
            sent = _command.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _answer("", "Params Error", is_good=False)
        if sent.op == "ping":
            return _answer("ping", "pong", sent.req_id)
        unknown = [topic for topic in sent.args if "." not in topic]
        if sent.op not in ("subscribe", "unsubscribe") or unknown:
            said = f"error:handler not found,topic:{','.join(unknown)}"
            return _answer(sent.op, said, sent.req_id, is_good=False)
        for topic in sent.args:
            symbol = topic.removeprefix(_TOPIC)
            if sent.op == "unsubscribe":
                self.told.pop(symbol, None)
            elif topic.startswith(_TOPIC):
                self.told.setdefault(symbol, now_us)
        return _answer(sent.op, "", sent.req_id)

    def due(self, market: Market, now_us: int) -> Iterator[bytes]:
        """Give the frames that are due since it was told."""
        for symbol, since_us in self.told.items():
            tape = market.tapes.get(symbol)
            if tape is None:
                continue
            edges = np.searchsorted(tape.trade_due, (since_us, now_us), side="right")
            trades = tape.trades.slice(int(edges[0]), int(edges[1] - edges[0]))
            self.told[symbol] = max(since_us, now_us)
            yield from bybit_wire.frames(trades, symbol)


def _answer(op: str, said: str, asked: str = "", *, is_good: bool = True) -> bytes:
    told = {"success": is_good, "ret_msg": said, "conn_id": "loopback", "req_id": asked, "op": op}
    return msgspec.json.encode(told)


class _Side:
    """The handlers, with the market they look at."""

    def __init__(self, look: Look) -> None:
        self._look = look

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Serve the public stream of linear contracts."""
        socket = web.WebSocketResponse(compress=False, timeout=1.0)
        await socket.prepare(request)
        session = Session()
        playing = asyncio.create_task(self._play(socket, session))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    answer = session.command(message.data, self._look()[1])
                    await socket.send_str(answer.decode())
        except ConnectionError:
            return socket
        finally:
            playing.cancel()
            await asyncio.wait([playing])
        return socket

    async def _play(self, socket: web.WebSocketResponse, session: Session) -> None:
        while True:
            for frame in session.due(*self._look()):
                try:
                    await socket.send_str(frame.decode())
                except ConnectionError:
                    return
            await asyncio.sleep(_TICK_S)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Give the archive's file of a day that is over."""
        symbol = request.match_info["symbol"]
        day = _day(symbol, request.match_info["file"])
        market, now_us = self._look()
        tape = market.tapes.get(symbol)
        if day is None or tape is None or now_us < day.end_us:
            return web.Response(status=404)
        at = pl.col("time_us")
        trades = tape.trades.filter(at.is_between(day.start_us, day.end_us, closed="left"))
        if trades.is_empty():
            return web.Response(status=404)
        # A day's file takes a while; the streams go on meanwhile.
        body = await asyncio.to_thread(bybit_wire.day_file, trades.sort("time_us"), symbol)
        return web.Response(body=body, content_type="application/gzip")


def _day(symbol: str, file: str) -> Partition | None:
    """Read ``<SYMBOL><YYYY-MM-DD>.csv.gz``."""
    date = file.removeprefix(symbol).removesuffix(".csv.gz")
    if file != f"{symbol}{date}.csv.gz":
        return None
    try:
        return Partition.of("bybit", symbol, date)
    except InvalidName:
        return None
