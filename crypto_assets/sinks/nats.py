"""NATS JetStream, the publishing side: a bounded window of messages that are not acknowledged yet.

Protocol facts from the NATS documentation: a message with a ``Nats-Msg-Id`` that the stream has
stored within its duplicate window is acknowledged as a duplicate and not stored again; a stream
without room answers with error 10077.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from crypto_assets.errors import StreamLost
from crypto_assets.model.message import Message
from crypto_assets.sinks.nats_link import Link, Server, Stream, ensure

if TYPE_CHECKING:
    from nats.aio.msg import Msg

WINDOW = 4_096
"""So many messages are on their way unacknowledged."""
ACK_SECONDS = 5.0
"""After so long without any acknowledgement what is left is published again."""
PATIENCE_SECONDS = 60.0
"""So long nothing may be stored before it is given up."""
FULL_SECONDS = 0.2
"""A stream without room is asked again after so long."""
_NO_ROOM = frozenset({10077, 10047, 10023, 10122})
"""Stream full, insufficient storage or resources."""


class _Waited(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    """What JetStream says to a message."""

    stream: str = ""
    duplicate: bool = False
    error: _Waited | None = None


class NatsBroker:
    """Publish to JetStream, as :class:`~crypto_assets.model.message.Broker` says."""

    def __init__(
        self,
        server: Server,
        stream: Stream,
        window: int = WINDOW,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Connect, and make the stream where there is none.

        Raises:
            StreamLost: the server cannot be reached.
            InvalidSettings: there is a stream of that name that is used otherwise.
            NotInstalled: nats-py is not there.
        """
        self._stream = stream
        self._window = asyncio.Semaphore(window)
        self._patience = patience
        self._waiting: dict[str, asyncio.Future[_Answer]] = {}
        self._link = Link(server)
        self._shown = server.shown
        client = self._link.client
        self._inbox = client.new_inbox()
        try:
            self._link.run(ensure(client, stream), f"stream {stream.name}")
            answers = client.subscribe(
                f"{self._inbox}.*", cb=self._answered, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
            self._link.run(answers, "subscribing")
        except BaseException:
            self._link.close()
            raise

    @property
    def name(self) -> str:
        """``nats.<stream>``."""
        return f"nats.{self._stream.name}"

    def publish(self, messages: Sequence[Message]) -> int:
        """Publish with a bounded window; see :class:`~crypto_assets.model.message.Broker`."""
        return self._link.run(self._published(messages), "publishing")

    def close(self) -> None:
        """Let go of the connection."""
        self._link.close()

    async def _answered(self, answer: Msg) -> None:
        """Hand an answer to whoever waits for it; one that came too late is for nobody."""
        found = self._waiting.pop(answer.subject.rpartition(".")[2], None)
        if found is None:
            return
        self._window.release()
        if found.done():
            return
        if not answer.data:
            # 503: nobody has the stream, such as while its server starts.
            found.set_result(_Answer(error=_Waited(503, 0, "no stream")))
        else:
            found.set_result(msgspec.json.decode(answer.data, type=_Answer))

    async def _published(self, messages: Sequence[Message]) -> int:
        """Publish, and publish again what was not acknowledged, until everything is."""
        left, repeats = list(messages), 0
        until = time.monotonic() + self._patience
        why = "no answer"
        while left:
            stored, again = 0, []
            for message, answer in await self._round(left):
                if answer is not None and answer.error is None:
                    stored += 1
                    repeats += answer.duplicate
                    continue
                again.append(message)
                if answer is not None and answer.error is not None:
                    why = answer.error.description
                    if not _may_pass(answer.error):
                        raise StreamLost(f"NATS at {self._shown}: {why}")
            if stored:
                until = time.monotonic() + self._patience
            if again and time.monotonic() > until:
                raise StreamLost(
                    f"NATS at {self._shown}: stored nothing for {self._patience:g} s: {why}",
                )
            if again:
                await asyncio.sleep(FULL_SECONDS)
            left = again
        return repeats

    async def _round(self, messages: Sequence[Message]) -> list[tuple[Message, _Answer | None]]:
        """Publish each message once; gives the answers, None where none came in time."""
        from nats.errors import OutboundBufferLimitError

        futures: list[asyncio.Future[_Answer]] = []
        loop = asyncio.get_running_loop()
        client, prefix = self._link.client, self._stream.name
        tokens: list[str] = []
        try:
            for message in messages:
                if self._window.locked():
                    # Answers are what makes room: without any for so long there will be none.
                    await asyncio.wait_for(self._window.acquire(), ACK_SECONDS)
                else:
                    await self._window.acquire()
                token = client._nuid.next().decode()  # noqa: SLF001 - its unique names
                future = loop.create_future()
                self._waiting[token] = future
                futures.append(future)
                tokens.append(token)
                await client.publish(
                    message.subject(prefix),
                    message.payload,
                    reply=f"{self._inbox}.{token}",
                    headers={"Nats-Msg-Id": message.id},
                )
            await self._all(futures)
        except (OutboundBufferLimitError, OSError, TimeoutError):
            # The connection is lost, and is being opened again: what is left comes with a later
            # round.
            pass
        finally:
            for token in tokens:
                if self._waiting.pop(token, None) is not None:
                    self._window.release()
        found = [
            future.result() if future.done() and not future.cancelled() else None
            for future in futures
        ]
        found += [None] * (len(messages) - len(found))
        return list(zip(messages, found, strict=True))

    async def _all(self, futures: Sequence[asyncio.Future[_Answer]]) -> None:
        """Wait until all are answered, or none is for a while."""
        left: set[asyncio.Future[_Answer]] = {one for one in futures if not one.done()}
        while left:
            done, left = await asyncio.wait(
                left,
                timeout=ACK_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                return


def _may_pass(error: _Waited) -> bool:
    """Whether the same message may be stored later."""
    return error.err_code in _NO_ROOM or error.code in (500, 503)
