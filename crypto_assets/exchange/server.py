"""The exchange on a loopback port: the only module with sockets and a clock.

Everything it decides is decided elsewhere: :mod:`rest` answers, :mod:`streams` obeys,
:mod:`playback` plays, :mod:`limits` counts, :mod:`archive` makes files, :mod:`faults` misbehaves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Self

import msgspec
from aiohttp import WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from crypto_assets.errors import InvalidSettings
from crypto_assets.exchange import archive, bybit_rest, futures, rest, streams
from crypto_assets.exchange.faults import Faults, changed, refusal
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
_BAD_REQUEST, _NOT_FOUND, _PARTIAL, _UNSATISFIABLE = 400, 404, 206, 416
_FOR_NOW = (418, 429)
_TOO_SLOW = streams.Cut(None, "slow consumer")
_REASONS = {
    429: (-1003, "Too many requests; current limit is exceeded."),
    418: (-1003, "Way too much request weight used; IP banned."),
    451: (0, "Service unavailable from a restricted location."),
    403: (-1, "Forbidden."),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Counters(msgspec.Struct, kw_only=True):
    """What has happened so far."""

    now_us: int
    """Market time."""
    issued: dict[str, tuple[int, int] | None]
    """First and last trade id that exist, by symbol."""
    dropped: dict[str, list[tuple[int, int]]]
    """Trade ids that drops and silences kept out of the stream, by symbol."""
    frames: dict[str, int]
    """Frames sent, by kind."""
    connections: int
    """Open now."""
    opened: int
    """Opened ever."""
    cuts: dict[str, int]
    """Connections the exchange ended, by reason."""
    requests: dict[str, int]
    """Requests of REST and archive, by path or ``archive``."""
    statuses: dict[int, int]
    """Their answers."""


class _Jump(msgspec.Struct, forbid_unknown_fields=True):
    to_us: int


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
        self._venue = venue("binance")
        self._connections: set[_Connection] = set()
        self._opened = 0
        self._cuts: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._files: dict[archive.File, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent_until = 0.0
        self._next_hang_up: float | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/_control", self._tell),
                web.get("/_control/faults", self._tell_faults),
                web.post("/_control/faults", self._take_faults),
                web.post("/_control/pace", self._take_pace),
                web.post("/_control/jump", self._take_jump),
                web.get("/api/v3/{path:.+}", self._answer),
                *futures.routes(self),
                *bybit_rest.routes(self),
                web.get("/ws", self._stream),
                web.get("/ws/{streams:.*}", self._stream),
                web.get("/stream", self._stream),
                web.get("/", self._list),
                web.get("/{key:data/.+}", self._file),
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
            requests=dict(self._requests),
            statuses=dict(self._statuses),
        )

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

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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
            return self._refused(refused)
        if self._attempts.exceeded(request.remote or "", self._now):
            return self._refused(429)
        try:
            session = self._session(request)
        except ValueError as error:
            return _json(rest.error_body(-1194, str(error)), status=_BAD_REQUEST)
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
        self._requests[path] += 1
        await self._linger()
        spent = self._weights.spend(
            request.remote or "",
            rest.weight(path, request.query),
            self._now,
        )
        headers = {
            "X-MBX-USED-WEIGHT": str(spent.used),
            "X-MBX-USED-WEIGHT-1M": str(spent.used),
        }
        refused = refusal(self._faults, is_rest=True)
        if refused is not None:
            return self._refused(refused, headers=headers)
        if isinstance(spent, Denied):
            return self._refused(spent.status, spent.retry_after_s, headers)
        self._catch_up()
        try:
            if path in self._faults.unserved:
                raise rest.not_found(path)
            unit = streams.time_unit(request.headers.get("X-MBX-TIME-UNIT"))
            body = rest.answer(path, request.query.items(), self._view, unit)
        except rest.Refusal as error:
            return self._counted(_json(error.body, error.status, headers))
        except ValueError as error:
            body = rest.error_body(-1194, str(error))
            return self._counted(_json(body, _BAD_REQUEST, headers))
        return self._counted(_json(body, headers=headers))

    @property
    def _view(self) -> rest.View:
        faults = self._faults
        return rest.View(
            self._playback.market,
            self._playback.now_us,
            self._limits,
            lag_us=int(faults.rest_lag_s * SECOND_US),
            lag_ids=faults.rest_lag_ids,
            page=faults.kline_page,
            from_end=faults.klines_from_end,
        )

    async def asked(self, request: web.Request) -> rest.View | int:
        """Count a request of another REST interface.

        Gives what it sees of the market, or the status it is refused with.
        """
        self._requests[request.path.removeprefix("/")] += 1
        await self._linger()
        refused = refusal(self._faults, is_rest=True)
        if refused is not None:
            return refused
        self._catch_up()
        return self._view

    def answered(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """Answer it; a refusal for now says when to ask again."""
        told = {"Retry-After": str(self._faults.retry_after_s)} if status in _FOR_NOW else {}
        return self._counted(_json(body, status, {**told, **(headers or {})}))

    def _refused(
        self,
        status: int,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        code, text = _REASONS.get(status, (-1000, "An unknown error occurred."))
        after = self._faults.retry_after_s if retry_after_s is None else retry_after_s
        told = {"Retry-After": str(after)} if status in _FOR_NOW else {}
        return self._counted(
            _json(rest.error_body(code, text), status, {**(headers or {}), **told})
        )

    def _counted(self, response: web.Response) -> web.Response:
        self._statuses[response.status] += 1
        return response

    async def _linger(self) -> None:
        if self._faults.slow_answer_s:
            await asyncio.sleep(self._faults.slow_answer_s)

    # Archive

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self._requests["archive"] += 1
        await self._linger()
        refused = refusal(self._faults, is_rest=False)
        if refused is not None:
            return self._refused(refused)
        query = request.query
        try:
            most = int(query.get("max-keys", archive.MOST_KEYS))
        except ValueError:
            return self._counted(web.Response(status=_BAD_REQUEST))
        asked = archive.Listing(
            query.get("prefix", ""),
            query.get("delimiter", ""),
            query.get("marker", ""),
            min(max(most, 0), archive.MOST_KEYS),
        )
        chosen, folders, truncated = asked.page(self._published())
        entries = [
            archive.Entry(file.key, file.published_us, await self._content(file)) for file in chosen
        ]
        body = archive.listing(entries, folders, asked, truncated=truncated)
        return self._counted(web.Response(body=body, content_type="application/xml"))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self._requests["archive"] += 1
        await self._linger()
        refused = refusal(self._faults, is_rest=False)
        if refused is not None:
            return self._refused(refused)
        key = request.match_info["key"]
        file = next((file for file in self._published() if file.key == key), None)
        if file is None:
            body = archive.not_found(key)
            return self._counted(
                web.Response(body=body, status=_NOT_FOUND, content_type="application/xml"),
            )
        entry = archive.Entry(key, file.published_us, await self._content(file))
        return self._counted(_download(entry, request))

    def _published(self) -> list[archive.File]:
        self._catch_up()
        return archive.published(self._playback.market, self._playback.now_us, self._faults)

    async def _content(self, file: archive.File) -> bytes:
        if file not in self._files:
            tape = self._playback.market.tapes[file.symbol]
            # A day's file takes a while; the streams go on meanwhile.
            self._files[file] = await asyncio.to_thread(archive.content, tape, file, self._venue)
        return self._files[file]

    # Control

    async def _tell(self, _: web.Request) -> web.StreamResponse:
        self._catch_up()
        return _json(msgspec.json.encode(self.counters))

    async def _tell_faults(self, _: web.Request) -> web.StreamResponse:
        return _json(msgspec.json.encode(self._faults))

    async def _take_faults(self, request: web.Request) -> web.StreamResponse:
        try:
            switches = msgspec.json.decode(await request.read(), type=dict[str, object])
            return _json(msgspec.json.encode(self.inject(switches)))
        except (msgspec.DecodeError, InvalidSettings) as error:
            return _json(rest.error_body(-1, str(error)), _BAD_REQUEST)

    async def _take_pace(self, request: web.Request) -> web.StreamResponse:
        try:
            self.play(msgspec.json.decode(await request.read(), type=Pace))
        except msgspec.DecodeError as error:
            return _json(rest.error_body(-1, str(error)), _BAD_REQUEST)
        return _json(msgspec.json.encode(self._clock.pace))

    async def _take_jump(self, request: web.Request) -> web.StreamResponse:
        try:
            self.jump(msgspec.json.decode(await request.read(), type=_Jump).to_us)
        except msgspec.DecodeError as error:
            return _json(rest.error_body(-1, str(error)), _BAD_REQUEST)
        return await self._tell(request)


def _json(
    body: bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _download(entry: archive.Entry, request: web.Request) -> web.Response:
    """Give a file, or the part of it that ``Range`` asks for."""
    headers = {"ETag": entry.etag, "Accept-Ranges": "bytes"}
    body, status, size = entry.content, 200, len(entry.content)
    try:
        wanted = range(size)[request.http_range]
    except ValueError:
        return web.Response(status=_UNSATISFIABLE, headers={"Content-Range": f"bytes */{size}"})
    if "Range" in request.headers:
        if not wanted:
            return web.Response(
                status=_UNSATISFIABLE,
                headers={"Content-Range": f"bytes */{size}"},
            )
        body, status = body[wanted.start : wanted.stop], _PARTIAL
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    response = web.Response(
        body=body,
        status=status,
        headers=headers,
        content_type="binary/octet-stream",
    )
    response.last_modified = entry.modified_us / SECOND_US
    return response


async def _quietly(work: Awaitable[object]) -> None:
    """Do what fails only because the other side has gone."""
    try:
        await work
    except ConnectionError:
        return
