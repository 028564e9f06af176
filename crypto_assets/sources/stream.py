"""One websocket connection as frames and the instants they came.

The library answers the server's pings with their own payload, hands messages on without decoding
them, and stops reading the socket when too much waits to be taken. Its errors become this package's
here, and nowhere else. It was chosen by measurement: see ``bench/live.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol, Self
from urllib.parse import urlsplit

import aiohttp

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.refusal import retry_after, will_not_serve

_LARGEST_FRAME = 16 << 20
_CLOSE_SECONDS = 1.0
_FRAMES = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class Frames(Protocol):
    """An open connection: iterate over ``(frame, receive time in ns since 1970)``.

    Raises:
        StreamLost: when iterating, the connection has ended; what came before it was given.
    """

    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> tuple[bytes, int]: ...
    async def say(self, message: bytes) -> None:
        """Send a text message.

        Raises:
            StreamLost: the connection has ended.
        """
        ...

    async def close(self) -> None:
        """End the connection; takes a few seconds at most and never fails."""
        ...


Connect = Callable[[str, float], Awaitable[Frames]]
"""Open a connection to an address within some seconds."""


class _WebSocket:
    """A websocket, as :class:`Frames` says."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse[Literal[False]],
    ) -> None:
        self._session = session
        self._socket = socket

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[bytes, int]:
        message = await self._socket.receive()
        if message.type in _FRAMES:
            return message.data, time.time_ns()
        why = self._socket.exception() or message.extra or "without a word"
        raise StreamLost(f"connection ended: {self._socket.close_code}, {why}")

    async def say(self, message: bytes) -> None:
        """Send a text message."""
        try:
            await self._socket.send_str(message.decode())
        except (OSError, aiohttp.ClientError) as error:
            raise StreamLost(f"connection ended: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """End the connection; the library bounds how long it waits for the other side."""
        await self._socket.close()
        await self._session.close()


async def connect(address: str, timeout: float) -> Frames:  # noqa: ASYNC109 - the caller's limit
    """Open a websocket connection.

    Raises:
        StreamLost: the server cannot be reached, does not answer in time or is overloaded.
        Refused: the server answers that it will not serve this address, such as 451.
    """
    host = urlsplit(address).netloc
    session = aiohttp.ClientSession(trust_env=True, trace_configs=[_where_it_was_asked()])
    try:
        async with asyncio.timeout(timeout):
            # A dead connection is told by its silence: frames come many times a second.
            socket = await session.ws_connect(
                address,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                max_msg_size=_LARGEST_FRAME,
                decode_text=False,
            )
    except BaseException as error:
        await session.close()
        if isinstance(error, aiohttp.WSServerHandshakeError):
            raise _refusal(host, error.status, error.headers) from error
        if isinstance(error, (OSError, TimeoutError, aiohttp.ClientError)):
            raise StreamLost(f"{host}: {type(error).__name__}: {error}") from error
        raise
    return _WebSocket(session, socket)


def _where_it_was_asked() -> aiohttp.TraceConfig:
    """Take a redirect for the failure it is: another host may be another venue."""

    async def refuse(
        _session: aiohttp.ClientSession,
        _context: object,
        redirect: aiohttp.TraceRequestRedirectParams,
    ) -> None:
        raise _refusal(redirect.url.authority, redirect.response.status, None)

    found = aiohttp.TraceConfig()
    found.on_request_redirect.append(refuse)
    return found


def _refusal(host: str, status: int, headers: Mapping[str, str] | None) -> Refused | StreamLost:
    said = f"{host}: expected HTTP 101, found {status}"
    if will_not_serve(status):
        return Refused(said, status)
    return StreamLost(said, retry_after((headers or {}).get("Retry-After")))
