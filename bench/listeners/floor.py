"""Readers that keep nothing but when each frame came, and the frame as it was.

What they kept is written when they end: the least any recorder on that library can cost.
"""

from __future__ import annotations

import array
import asyncio
import time
from pathlib import Path

from lines import ORDER, at_the_end  # type: ignore[import-not-found, unused-ignore]

FRAMES: list[bytes | str] = []
SEEN = array.array("q")


def address() -> str:
    """Give the address a collector would connect to."""
    names = "/".join(f"{symbol.lower()}@trade" for symbol in ORDER["symbols"])
    return f"{ORDER['ws_url']}/stream?streams={names}&timeUnit=MICROSECOND"


async def websockets_reader() -> None:
    """Read with websockets, told to hand bytes on."""
    from websockets.asyncio.client import connect

    async with connect(address(), compression=None, ping_interval=None, max_queue=256) as found:
        while True:
            FRAMES.append(await found.recv(decode=False))
            SEEN.append(time.time_ns())


async def aiohttp_reader() -> None:
    """Read with aiohttp as the collector opens it."""
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(address(), decode_text=False) as found,
    ):
        while True:
            FRAMES.append((await found.receive()).data)
            SEEN.append(time.time_ns())


async def picows_reader() -> None:
    """Read with picows."""
    from picows import (  # type: ignore[import-not-found, unused-ignore]
        WSFrame,
        WSListener,
        WSMsgType,
        WSTransport,
        ws_connect,
    )

    class Reader(WSListener):  # type: ignore[misc, unused-ignore]
        """Keep every text frame; the library answers pings."""

        def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == WSMsgType.TEXT:
                FRAMES.append(frame.get_payload_as_bytes())
                SEEN.append(time.time_ns())

    transport, _ = await ws_connect(Reader, address())
    await transport.wait_disconnected()


def save() -> None:
    """Write what came as a peer's callback would have."""
    texts = (frame if isinstance(frame, str) else frame.decode() for frame in FRAMES)
    with (Path(ORDER["directory"]) / "lines").open("w") as out:
        out.writelines(f"{seen} {text}\n" for seen, text in zip(SEEN, texts, strict=False))


if __name__ == "__main__":
    at_the_end(save)
    readers = {"websockets": websockets_reader, "picows": picows_reader, "aiohttp": aiohttp_reader}
    if ORDER.get("uvloop"):
        import uvloop

        uvloop.install()
    asyncio.run(readers[ORDER["library"]]())
