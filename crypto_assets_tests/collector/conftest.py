"""A small exchange on loopback that counts what it sends and misbehaves when told to."""

from __future__ import annotations

import asyncio
import contextlib
import http
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from crypto_assets.collector import Options


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; a minute is for ever."""
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to hold")


class Exchange:
    """Trades of every stream anyone listens to, one each few milliseconds."""

    def __init__(self) -> None:
        self.sent: dict[str, set[int]] = {}
        """The ids that were sent, by stream, on whatever connection."""
        self.opened = 0
        self.refuse: http.HTTPStatus | None = None
        self.is_trading = True
        self.is_mute = False
        """Whether new connections get nothing."""
        self.port = 0
        self._connections: dict[ServerConnection, list[str]] = {}
        self._muted: set[ServerConnection] = set()
        self._ids = itertools.count(1000)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait()

    @property
    def open(self) -> int:
        return len(self._connections)

    def hang_up(self) -> None:
        """End every connection after what was sent on it."""
        for connection in list(self._connections):
            asyncio.run_coroutine_threadsafe(self._close(connection), self._loop)

    def mute(self) -> None:
        """Keep the connections there are open and send nothing on them."""
        self._do(lambda: self._muted.update(self._connections))

    def announce_end(self) -> None:
        """Say on every connection that it ends."""
        told = {"e": "serverShutdown", "E": time.time_ns() // 10**6}
        text = json.dumps({"stream": "!serverShutdown", "data": told}, separators=(",", ":"))
        self._do(lambda: broadcast(list(self._connections), text))

    def stop(self) -> None:
        self._do(self._stop.set)
        self._thread.join()

    def _do(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    async def _close(self, connection: ServerConnection) -> None:
        self._connections.pop(connection, None)
        await connection.close()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._answer,
            compression=None,
            close_timeout=1,
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            trading = asyncio.create_task(self._trade())
            await self._stop.wait()
            trading.cancel()
            await asyncio.wait([trading])

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/api/v3/time":
            body = json.dumps({"serverTime": time.time_ns() // 1000})
            return connection.respond(http.HTTPStatus.OK, body)
        if self.refuse is not None:
            return connection.respond(self.refuse, "no\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        asked = parse_qs(urlsplit(connection.request.path).query)
        assert asked["timeUnit"] == ["MICROSECOND"]
        self.opened += 1
        if self.is_mute:
            self._muted.add(connection)
        self._connections[connection] = asked["streams"][0].split("/")
        try:
            with contextlib.suppress(ConnectionClosed):
                async for _ in connection:
                    raise AssertionError("a collector sends no message")
        finally:
            self._connections.pop(connection, None)

    async def _trade(self) -> None:
        while True:
            await asyncio.sleep(0.004)
            if not self.is_trading:
                continue
            # All streams share one id, so that a lost frame shows in each.
            number, now = next(self._ids), time.time_ns() // 1000
            for stream in sorted({s for names in self._connections.values() for s in names}):
                listening = [
                    connection
                    for connection, names in self._connections.items()
                    if stream in names
                    and connection not in self._muted
                    and connection.state is State.OPEN
                ]
                if listening:
                    broadcast(listening, _trade(stream, number, now))
                    self.sent.setdefault(stream, set()).add(number)


def _trade(stream: str, number: int, now_us: int) -> str:
    symbol = stream.partition("@")[0].upper()
    return (
        f'{{"stream":"{stream}","data":{{"e":"trade","E":{now_us},"s":"{symbol}","t":{number},'
        f'"p":"61685.99000000","q":"0.04627000","T":{now_us},"m":true,"M":true}}}}'
    )


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Exchange()
    yield found
    found.stop()


@pytest.fixture
def options(exchange: Exchange, tmp_path: Path) -> Options:
    """What records three symbols of the exchange, impatiently."""
    return Options(
        lake=tmp_path / "lake",
        symbols=("BTCUSDT", "ETHUSDT", "NEXOUSDT"),
        kinds=("trade",),
        ws_url=f"ws://127.0.0.1:{exchange.port}",
        http_url=f"http://127.0.0.1:{exchange.port}",
        overlap_seconds=0.2,
        flush_seconds=0.1,
        min_free_bytes=1,
        streams_per_connection=2,
    )
