"""A connection to NATS and the one stream on it: on disk, a work queue, nothing dropped.

Protocol facts from the NATS documentation: a stream with ``discard: new`` refuses what it has no
room for, with the retention ``workqueue`` a message is removed once it is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from crypto_assets.errors import InvalidSettings, NotInstalled, StreamLost
from crypto_assets.sinks.extras import installed
from crypto_assets.sinks.loop import Loop

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamConfig

_T = TypeVar("_T")

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where servers are, and how they are spoken to; what may hold a secret is not shown."""

    urls: Sequence[str] = field(repr=False)
    shown: str
    """The addresses without user, password and token."""
    credentials: Path | None = None
    """A ``.creds`` file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What the stream is; one that is there with other limits is given these."""

    name: str
    """Of the stream, and what its subjects begin with."""
    max_bytes: int
    duplicate_seconds: float
    replicas: int = 1


class Link:
    """A connection that opens itself again, in a thread that answers pings while nobody calls."""

    def __init__(self, server: Server) -> None:
        with installed("nats"):
            import nats  # noqa: F401 - whether it is there
        self._server = server
        self.loop = Loop("nats")
        try:
            self.client = self.loop.run(self._connect())
        except BaseException:
            self.loop.close()
            raise

    async def _connect(self) -> Client:
        import nats
        from nats.errors import Error

        server = self._server
        found: list[str] = []

        async def note(error: Exception) -> None:
            # The client would log its errors, addresses in them; whoever waits is told instead.
            found[:] = [type(error).__name__]

        # The client tries for ever, to open a lost connection again too: the first time is bounded.
        opening = nats.connect(
            list(server.urls),
            user_credentials=None if server.credentials is None else str(server.credentials),
            name="crypto-assets",
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
            error_cb=note,
            pending_size=16 << 20,
            skip_subject_validation=True,
        )
        try:
            return await asyncio.wait_for(opening, CONNECT_SECONDS)
        except ModuleNotFoundError as error:
            raise NotInstalled(f"NATS: expected the package {error.name}, found none") from error
        except (Error, OSError, TimeoutError) as error:
            said = found[0] if found else type(error).__name__
            raise StreamLost(f"NATS at {server.shown}: {said}") from None

    def run(self, work: Awaitable[_T], what: str) -> _T:
        """Wait for some work on the connection.

        Raises:
            StreamLost: the connection failed, or the server refused.
        """
        from nats.errors import Error

        async def done() -> _T:
            return await work

        try:
            return self.loop.run(done())
        except (Error, OSError, TimeoutError) as error:
            said = getattr(error, "description", None) or type(error).__name__
            raise StreamLost(f"NATS at {self._server.shown}: {what}: {said}") from error

    def close(self) -> None:
        """Close the connection and end the thread."""
        from nats.errors import Error

        async def closed() -> None:
            try:
                await asyncio.wait_for(self.client.close(), 5)
            except (Error, OSError, TimeoutError):
                return

        self.loop.run(closed())
        self.loop.close()


def _config(stream: Stream) -> StreamConfig:
    from nats.js import api

    return api.StreamConfig(
        name=stream.name,
        subjects=[f"{stream.name}.>"],
        retention=api.RetentionPolicy.WORK_QUEUE,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        max_bytes=stream.max_bytes,
        duplicate_window=stream.duplicate_seconds,
        num_replicas=stream.replicas,
    )


async def ensure(client: Client, stream: Stream) -> None:
    """Make the stream, or give it these limits."""
    from nats.js.errors import BadRequestError, NotFoundError, ServerError

    wanted = _config(stream)
    manager = client.jsm()
    try:
        found = (await manager.stream_info(stream.name)).config
    except NotFoundError:
        await manager.add_stream(wanted)
        return
    same = ("subjects", "retention", "discard", "max_bytes", "duplicate_window", "num_replicas")
    if any(getattr(found, name) != getattr(wanted, name) for name in same):
        try:
            await manager.update_stream(wanted)
        except (BadRequestError, ServerError) as error:
            raise InvalidSettings(
                f"NATS stream {stream.name!r}: it is there and cannot become what the settings "
                f"say: {error.description}; name another one",
            ) from error
