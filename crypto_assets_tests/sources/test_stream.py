"""A websocket connection against a real server on loopback."""

from __future__ import annotations

import asyncio
import http
import time
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.stream import connect

Serve = Callable[[ServerConnection], Awaitable[None]]
FRAME = '{"stream":"币安人生usdt@trade","data":{"p":"0.10000000"}}'


async def taken(behave: Serve) -> tuple[list[tuple[bytes, int]], str]:
    """Everything a connection gives, and how it ends."""
    found: list[tuple[bytes, int]] = []
    async with serve(behave, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        stream = await connect(f"ws://127.0.0.1:{port}/stream?streams=a", 5)
        try:
            async for item in stream:
                found.append(item)  # noqa: PERF401 - what came before the error counts
        except StreamLost as error:
            return found, str(error)
        finally:
            await stream.close()
    raise AssertionError("a stream ends by an error")


def test_every_frame_comes_as_its_bytes_with_its_instant() -> None:
    async def behave(connection: ServerConnection) -> None:
        for _ in range(500):
            await connection.send(FRAME)

    before = time.time_ns()
    found, why = asyncio.run(taken(behave))
    assert [frame for frame, _ in found] == [FRAME.encode()] * 500
    times = [received for _, received in found]
    assert before <= times[0] <= times[-1] <= time.time_ns()
    assert times == sorted(times)
    assert "1000" in why


def test_what_came_before_an_abrupt_end_is_given() -> None:
    async def behave(connection: ServerConnection) -> None:
        for _ in range(50):
            await connection.send(FRAME)
        await asyncio.sleep(0.1)
        connection.transport.abort()

    found, why = asyncio.run(taken(behave))
    assert len(found) == 50
    assert "connection ended" in why


def test_a_ping_is_answered_with_its_payload() -> None:
    echoed: list[bool] = []

    async def behave(connection: ServerConnection) -> None:
        # The library's server resolves this only when the pong carries the same payload.
        waiter = await connection.ping(b"1723161601273")
        await connection.send(FRAME)
        await asyncio.wait_for(waiter, 5)
        echoed.append(True)

    found, _ = asyncio.run(taken(behave))
    assert (len(found), echoed) == (1, [True])


async def rejected(status: http.HTTPStatus, name: str = "Retry-After", value: str = "7") -> None:
    def answer(connection: ServerConnection, _: Request) -> Response:
        found = connection.respond(status, "no\n")
        return Response(
            found.status_code,
            found.reason_phrase,
            Headers([*found.headers.raw_items(), (name, value)]),
            found.body,
        )

    async def behave(_: ServerConnection) -> None:
        raise AssertionError("nobody gets in")

    async with serve(behave, "127.0.0.1", 0, process_request=answer) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await connect(f"ws://127.0.0.1:{port}/stream", 5)


def test_a_legal_refusal_is_terminal() -> None:
    with pytest.raises(Refused, match="451") as caught:
        asyncio.run(rejected(http.HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS))
    assert caught.value.status == 451


def test_an_overloaded_server_is_transient_and_says_when() -> None:
    with pytest.raises(StreamLost, match="429") as caught:
        asyncio.run(rejected(http.HTTPStatus.TOO_MANY_REQUESTS))
    assert caught.value.retry_after == 7


def test_a_redirect_is_not_followed() -> None:
    moved = rejected(http.HTTPStatus.FOUND, "Location", "ws://127.0.0.1:1/another")
    with pytest.raises(StreamLost, match="expected HTTP 101, found 302"):
        asyncio.run(moved)


def test_a_server_that_is_not_there_is_transient() -> None:
    async def nobody() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await connect(f"ws://127.0.0.1:{port}/", 5)

    with pytest.raises(StreamLost, match="Cannot connect"):
        asyncio.run(nobody())


def test_a_server_that_never_answers_is_transient() -> None:
    async def mute() -> None:
        async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.append(writer)

        held: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(hold, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            await connect(f"ws://127.0.0.1:{port}/", 0.2)
        finally:
            for writer in held:
                writer.close()
            server.close()

    with pytest.raises(StreamLost, match="TimeoutError"):
        asyncio.run(mute())
