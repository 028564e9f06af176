"""The exchange on a loopback port: its clock, its streams, and the hosts that answer requests.

Everything it decides is decided elsewhere: :mod:`rest` answers, and for their hosts
:mod:`futures`, :mod:`bybit_rest`, :mod:`bybit_routes` and :mod:`coingecko`; :mod:`streams` obeys,
:mod:`playback` plays, :mod:`limits` counts, :mod:`archive_host` gives files, :mod:`desk` refuses
and counts, :mod:`faults` misbehaves, and :mod:`control` is how it is told to.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Self

from aiohttp import WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from crypto_assets.exchange import (
    bybit_rest,
    bybit_routes,
    coingecko,
    control,
    futures,
    rest,
    streams,
)
from crypto_assets.exchange.archive_host import ArchiveHost, Scene
from crypto_assets.exchange.counters import Counters
from crypto_assets.exchange.desk import Desk, json_response
from crypto_assets.exchange.faults import Faults, changed, refusal
from crypto_assets.exchange.journal import Request
from crypto_assets.exchange.limits import Attempts, Denied, Limits, Weights
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.pace import Clock, Pace
from crypto_assets.exchange.playback import Playback
from crypto_assets.model.interval import SECOND_US
from crypto_assets.venues import venue

HOST = "127.0.0.1"
_TICK_S = 0.004
_BATCH = 2_048
_HIGH_WATER = 1 << 20
_LARGEST_MESSAGE = 1 << 16
_BAD_REQUEST, _TOO_MANY = 400, 429
_TOO_SLOW = streams.Cut(None, "slow consumer")


@dataclass(eq=False, slots=True)
class _Connection:
    """A websocket and what the exchange thinks of it."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    writer: AbstractStreamWriter
    session: streams.Session
    is_cut: bool = False
    closing: asyncio.Task[None] | None = None
    """The closing handshake, once the exchange has begun it."""


class Exchange:
    """A loopback exchange, up while the ``async with`` lasts.

    It binds to 127.0.0.1 only. The market starts a microsecond before its first trade and plays at
    the pace given; its methods are to be called on the loop it runs in.
    """

    def __init__(
        self,
        market: Market,
        *,
        pace: Pace | None = None,
        limits: Limits | None = None,
        faults: Mapping[str, object] | None = None,
        port: int = 0,
    ) -> None:
        self._limits = limits or Limits()
        self._faults = changed(Faults(), faults or {})
        self._playback = Playback(market, market.start_us - 1)
        self._clock = Clock(pace or Pace(), market.start_us - 1, 0.0)
        self._weights = Weights(self._limits)
        self._attempts = Attempts(self._limits)
        self._port = port
        self._connections: set[_Connection] = set()
        self._opened = 0
        self._cuts: Counter[str] = Counter()
        self._desk = Desk(lambda: self._faults)
        self._archive = ArchiveHost(self._desk, venue("binance"), self._scene)
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent_until = 0.0
        self._next_hang_up: float | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                *control.routes(self, self._catch_up),
                # Before Binance's own: both are below /api/v3.
                *coingecko.routes(self._desk, self._see, lambda: self._faults),
                web.get("/api/v3/{path:.+}", self._desk.serving("rest", self._answer)),
                *futures.routes(self._desk, self._see, self._limits),
                *bybit_rest.routes(self._desk, self._see, self._limits),
                *bybit_routes.routes(self._look),
                web.get("/ws", self._stream),
                web.get("/ws/{streams:.*}", self._stream),
                web.get("/stream", self._stream),
                *self._archive.routes(),
            ],
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = int(self._runner.addresses[0][1])
        self._clock = Clock(self._clock.pace, self._clock.at_us, self._now)
        self._start(self._play())
        self._start(self._watch())
        self.inject({})
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def http_url(self) -> str:
        """Where REST, archive and control are."""
        return f"http://{HOST}:{self._port}"

    @property
    def ws_url(self) -> str:
        """Where the streams are; ``/ws`` and ``/stream`` are behind it."""
        return f"ws://{HOST}:{self._port}"

    @property
    def counters(self) -> Counters:
        """What has happened so far."""
        symbols = self._playback.market.tapes
        return Counters(
            now_us=self._playback.now_us,
            issued={symbol: self._playback.issued(symbol) for symbol in symbols},
            dropped={symbol: self._playback.dropped(symbol) for symbol in symbols},
            frames=dict(self._playback.sent),
            connections=len(self._connections),
            opened=self._opened,
            cuts=dict(self._cuts),
            requests=dict(self._desk.journal.paths),
            statuses=dict(self._desk.journal.statuses),
            too_early=self._desk.journal.too_early,
        )

    @property
    def requests(self) -> list[Request]:
        """The last 20,000 requests of REST and archive, in the order they were done with."""
        return list(self._desk.journal.requests)

    @property
    def faults(self) -> Faults:
        """The switches as they stand, counted down."""
        return self._faults

    def inject(self, switches: Mapping[str, object]) -> Faults:
        """Set switches of :class:`Faults` by name; the others stay as they are.

        Raises:
            InvalidSettings: there is no such switch, or it cannot be set so.

        """
        faults = changed(self._faults, switches)
        self._catch_up()
        now = self._now
        if faults.hang_up_every_s is None:
            self._next_hang_up = None
        elif faults.hang_up_every_s != self._faults.hang_up_every_s or self._next_hang_up is None:
            self._next_hang_up = now + faults.hang_up_every_s
        if faults.silence_s is not None:
            self._silent_until, faults.silence_s = now + faults.silence_s, None
        if faults.server_shutdown_s is not None:
            self._start(self._shut_down(faults.server_shutdown_s))
            faults.server_shutdown_s = None
        how, faults.hang_up = faults.hang_up, None
        self._faults = faults
        self._playback.obey(faults)
        if how is not None:
            self._hang_up(None if how == "abort" else streams.GOING_AWAY)
        return faults

    def play(self, pace: Pace) -> None:
        """Go on at another pace."""
        self._catch_up()
        self._clock = self._clock.paced(pace, self._now)

    def jump(self, to_us: int) -> None:
        """Let it be a later market time; what was due in between is in REST and archive only."""
        self._catch_up()
        self._clock = self._clock.jumped(to_us, self._now)
        self._playback.jump(to_us)

    def _scene(self) -> Scene:
        self._catch_up()
        return self._playback.market, self._playback.now_us, self._faults

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _look(self) -> tuple[Market, int]:
        """Show the market as of now."""
        self._catch_up()
        return self._playback.market, self._playback.now_us

    # Playing

    async def _play(self) -> None:
        while True:
            to_us = self._playback.next_us(_BATCH) if self._may_race else None
            if to_us is None:
                self._catch_up()
                await asyncio.sleep(_TICK_S)
            else:
                self._advance(to_us)
                self._clock = self._clock.jumped(to_us, self._now)
                for connection in list(self._connections):
                    await self._drain(connection)
                await asyncio.sleep(0)

    @property
    def _may_race(self) -> bool:
        """Whether the next events are to go out whatever time it is, and somebody listens."""
        return (
            self._clock.pace.flat_out
            and self._now >= self._silent_until
            and any(
                not connection.is_cut and any(map(streams.topic, connection.session.streams))
                for connection in self._connections
            )
        )

    def _catch_up(self) -> None:
        """Play what is due by now, not more at once than a listener may leave unread."""
        now_us = self._clock.now_us(self._now)
        while (to_us := self._playback.next_us(_BATCH)) is not None and to_us < now_us:
            self._advance(to_us)
        if now_us > self._playback.now_us:
            self._advance(now_us)

    def _advance(self, now_us: int) -> None:
        audience = [connection for connection in self._connections if not connection.is_cut]
        parts = self._playback.advance(
            now_us,
            [connection.session for connection in audience],
            self._faults,
            silent=self._now < self._silent_until,
        )
        for connection, data in zip(audience, parts, strict=True):
            if data and not connection.transport.is_closing():
                connection.transport.write(data)
                if connection.transport.get_write_buffer_size() > self._limits.backlog_bytes:
                    self._cut(connection, _TOO_SLOW)

    async def _drain(self, connection: _Connection) -> None:
        try:
            async with asyncio.timeout(self._limits.stall_s):
                await connection.writer.drain()
        except TimeoutError:
            self._cut(connection, _TOO_SLOW)
        except ConnectionError:
            connection.is_cut = True

    # Connections

    async def _watch(self) -> None:
        """Ping, and end what is over."""
        while True:
            await asyncio.sleep(5 * _TICK_S)
            now = self._now
            if self._next_hang_up is not None and now >= self._next_hang_up:
                self._next_hang_up = now + (self._faults.hang_up_every_s or 0.0)
                self._hang_up(None)
            for connection in list(self._connections):
                cut = connection.session.overdue(now)
                if cut is not None:
                    self._cut(connection, cut)
                elif now >= self._silent_until and not connection.is_cut:
                    payload = connection.session.ping(now)
                    if payload is not None:
                        await _quietly(connection.socket.ping(payload))

    async def _shut_down(self, after_s: float) -> None:
        for connection in list(self._connections):
            session = connection.session
            notice = streams.shutdown_notice(
                self._playback.now_us,
                combined=session.combined,
                unit=session.unit,
            )
            if not connection.transport.is_closing():
                connection.transport.write(notice)
        doomed = set(self._connections)
        await asyncio.sleep(after_s)
        for connection in doomed & self._connections:
            self._cut(connection, streams.Cut(streams.GOING_AWAY, "server shutdown"))

    def _hang_up(self, code: int | None) -> None:
        for connection in list(self._connections):
            self._cut(connection, streams.Cut(code, "hang-up"))

    def _cut(self, connection: _Connection, cut: streams.Cut) -> None:
        if connection.is_cut:
            return
        connection.is_cut = True
        self._cuts[cut.reason] += 1
        if cut.code is None:
            connection.transport.abort()
        else:
            closing = connection.socket.close(code=cut.code, message=cut.reason.encode())
            connection.closing = self._start(_quietly(closing))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        refused = refusal(self._faults, is_rest=False)
        if refused is not None:
            return self._turned_away(refused)
        if self._attempts.exceeded(request.remote or "", self._now):
            return self._turned_away(_TOO_MANY)
        try:
            session = self._session(request)
        except ValueError as error:
            return json_response(rest.error_body(-1194, str(error)), _BAD_REQUEST)
        socket = web.WebSocketResponse(
            autoping=False,
            compress=False,
            max_msg_size=_LARGEST_MESSAGE,
            timeout=1.0,
        )
        writer = await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        connection = _Connection(socket, transport, writer, session)
        self._catch_up()
        self._connections.add(connection)
        self._opened += 1
        try:
            async for message in socket:
                await _quietly(self._hear(connection, message))
            if connection.closing is not None:
                # Ending now would reset the connection, and the client lose the close frame.
                await asyncio.wait({connection.closing})
        finally:
            self._connections.discard(connection)
        return socket

    def _turned_away(self, status: int) -> web.Response:
        self._desk.journal.statuses[status] += 1
        return self._desk.refused(status)

    def _session(self, request: web.Request) -> streams.Session:
        """Read what the address asks for: ``/ws``, ``/ws/<stream>`` or ``/stream?streams=``."""
        combined = request.path == "/stream"
        named = request.query.get("streams", "") if combined else request.match_info.get("streams")
        return streams.Session(
            filter(None, (named or "").split("/")),
            self._limits,
            self._now,
            combined=combined,
            unit=streams.time_unit(request.query.get("timeUnit")),
        )

    async def _hear(self, connection: _Connection, message: WSMessage) -> None:
        cut = connection.session.count_message(self._now)
        if cut is not None:
            self._cut(connection, cut)
        elif message.type is WSMsgType.PING:
            await connection.socket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            connection.session.pong(bytes(message.data))
        elif message.type is WSMsgType.TEXT:
            # What was due before the command goes out before its answer.
            self._catch_up()
            answer = connection.session.command(message.data)
            await connection.socket.send_str(answer.decode())

    # Requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        spent = self._weights.spend(
            request.remote or "",
            rest.weight(path, request.query),
            self._now,
        )
        headers = {
            "X-MBX-USED-WEIGHT": str(spent.used),
            "X-MBX-USED-WEIGHT-1M": str(spent.used),
        }
        seen = self._see()
        if isinstance(seen, int):
            return self._desk.refused(seen, headers=headers)
        if isinstance(spent, Denied):
            return self._desk.refused(spent.status, spent.retry_after_s, headers)
        try:
            if path in self._faults.unserved:
                raise rest.not_found(path)
            unit = streams.time_unit(request.headers.get("X-MBX-TIME-UNIT"))
            body = rest.answer(path, request.query.items(), seen, unit)
        except rest.Refusal as error:
            return json_response(error.body, error.status, headers)
        except ValueError as error:
            body = rest.error_body(-1194, str(error))
            return json_response(body, _BAD_REQUEST, headers)
        return json_response(body, headers=headers)

    def _see(self) -> rest.View | int:
        """Show REST the market, or say the status a request is refused with, and count it."""
        refused = refusal(self._faults, is_rest=True)
        if refused is not None:
            return refused
        self._catch_up()
        faults = self._faults
        return rest.View(
            self._playback.market.without(faults.delisted),
            self._playback.now_us,
            self._limits,
            lag_us=int(faults.rest_lag_s * SECOND_US),
            lag_ids=faults.rest_lag_ids,
            page=faults.kline_page,
            from_end=faults.klines_from_end,
        )


async def _quietly(work: Awaitable[object]) -> None:
    """Do what fails only because the other side has gone."""
    try:
        await work
    except ConnectionError:
        return
