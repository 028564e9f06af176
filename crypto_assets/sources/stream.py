"""One websocket connection as frames and the instants they came.

The library answers the server's pings with their own payload and hands messages on without
decoding them. Its errors become this package's here, and nowhere else.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.refusal import retry_after, will_not_serve

_LARGEST_FRAME = 16 << 20
_HELD_FRAMES = 256
"""Frames parsed ahead of the reader; beyond them the socket is not read."""


class Frames(Protocol):
    """An open connection: iterate over ``(frame, receive time in ns since 1970)``.

    Raises:
        StreamLost: when iterating, the connection has ended; what came before it was given.
    """

    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> tuple[bytes, int]: ...
    async def close(self) -> None:
        """End the connection; takes a few seconds at most and never fails."""
        ...


Connect = Callable[[str, float], Awaitable[Frames]]
"""Open a connection to an address within some seconds."""


class _Opening(websocket):
    """The library's opening, but never somewhere else than was asked."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take a redirect for the failure it is: another host may be another venue."""
        return exc


class _WebSocket:
    """A websocket, as :class:`Frames` says."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[bytes, int]:
        try:
            frame = await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise StreamLost(f"connection ended: {error}") from error
        return frame, time.time_ns()

    async def close(self) -> None:
        """End the connection; the library bounds how long it waits for the other side."""
        await self._connection.close()


async def connect(address: str, timeout: float) -> Frames:  # noqa: ASYNC109 - the library has it
    """Open a websocket connection.

    Raises:
        StreamLost: the server cannot be reached, does not answer in time or is overloaded.
        Refused: the server answers that it will not serve this address, such as 451.
    """
    try:
        connection = await _Opening(
            address,
            compression=None,
            open_timeout=timeout,
            close_timeout=1,
            # A dead connection is told by its silence: frames come many times a second.
            ping_interval=None,
            max_size=_LARGEST_FRAME,
            max_queue=_HELD_FRAMES,
        )
    except InvalidStatus as error:
        status, host = error.response.status_code, urlsplit(address).netloc
        said = f"{host}: expected HTTP 101, found {status}"
        if will_not_serve(status):
            raise Refused(said, status) from error
        raise StreamLost(said, retry_after(error.response.headers.get("Retry-After"))) from error
    except (OSError, ssl.SSLError, TimeoutError, WebSocketException) as error:
        said = f"{urlsplit(address).netloc}: {type(error).__name__}: {error}"
        raise StreamLost(said) from error
    return _WebSocket(connection)
