"""NATS JetStream, the consuming side: one durable consumer, explicit acknowledgements."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crypto_assets.errors import InvalidSettings
from crypto_assets.model.message import Delivery
from crypto_assets.sinks.nats_link import Link, Server, Stream, ensure

if TYPE_CHECKING:
    from nats.js.api import ConsumerConfig


class NatsSubscription:
    """Take messages off a durable consumer, as ``Subscription`` of the model says."""

    def __init__(
        self,
        server: Server,
        stream: Stream,
        consumer: str,
        most: int,
        redeliver_seconds: float = 30.0,
    ) -> None:
        """Connect, and make stream and consumer where there are none.

        The consumer has a durable name: several processes may share it. ``most`` says how many
        messages are pulled at once; what is not acknowledged for ``redeliver_seconds`` comes again.

        Raises:
            StreamLost: the server cannot be reached.
            InvalidSettings: the stream or its consumer is used otherwise.
            NotInstalled: nats-py is not there.
        """
        self._stream, self._consumer = stream, consumer
        self._most, self._redeliver_seconds = most, redeliver_seconds
        self._link = Link(server)
        try:
            self._pulling = self._link.run(self._subscribed(), f"consumer {consumer}")
        except BaseException:
            self._link.close()
            raise

    async def _subscribed(self) -> Any:
        from nats.js.errors import BadRequestError, ServerError

        client, stream = self._link.client, self._stream
        await ensure(client, stream)
        context = client.jetstream()
        try:
            await client.jsm().add_consumer(stream.name, self._config())
        except (BadRequestError, ServerError) as error:
            raise InvalidSettings(
                f"NATS stream {stream.name!r}: consumer {self._consumer!r} cannot be made: "
                f"{error.description}; a work queue has one consumer",
            ) from error
        return await context.pull_subscribe_bind(
            consumer=self._consumer,
            stream=stream.name,
            pending_msgs_limit=-1,
            pending_bytes_limit=-1,
        )

    def _config(self) -> ConsumerConfig:
        from nats.js import api

        return api.ConsumerConfig(
            durable_name=self._consumer,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=self._redeliver_seconds,
            # For ever: what cannot be read is rejected by name, what cannot be written waits.
            max_deliver=-1,
            max_ack_pending=2 * self._most,
        )

    def pull(self, most: int, seconds: float) -> list[Delivery]:
        """Take messages until there are enough or the time is over."""
        return self._link.run(self._pulled(most, seconds), "pulling")

    async def _pulled(self, most: int, seconds: float) -> list[Delivery]:
        found = await self._fetched(most, seconds)
        # Twice, for between the two questions of one look another consumer may be at work.
        if not found and await self._is_stalled():
            found = await self._fetched(most, seconds)
            if not found and await self._is_stalled():
                await self._made_anew()
                found = await self._fetched(most, seconds)
        return found

    async def _fetched(self, most: int, seconds: float) -> list[Delivery]:
        found: list[Delivery] = []
        until = time.monotonic() + seconds
        while len(found) < most and (left := until - time.monotonic()) > 0:
            try:
                got = await self._pulling.fetch(most - len(found), timeout=left)
            except TimeoutError:
                break
            found += [
                Delivery((one.headers or {}).get("Nats-Msg-Id"), one.data, one) for one in got
            ]
        return found

    async def _is_stalled(self) -> bool:
        """Whether messages are there that the server will not deliver, though none came.

        A server that was killed may forget which messages its consumer has still to be given: they
        are neither pending nor awaiting an acknowledgement and stay for ever; or it knows of them
        and gives none. Seen of nats-server 2.9.10.
        """
        manager = self._link.client.jsm()
        there = (await manager.stream_info(self._stream.name)).state.messages
        known = await manager.consumer_info(self._stream.name, self._consumer)
        given, to_give = known.num_ack_pending or 0, known.num_pending or 0
        return there > given + to_give or (to_give > 0 and given < self._most)

    async def _made_anew(self) -> None:
        """Make the consumer anew: it is given all that is there, and repeats are dropped by id."""
        await self._link.client.jsm().delete_consumer(self._stream.name, self._consumer)
        await self._pulling.unsubscribe()
        self._pulling = await self._subscribed()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge; what the server does not hear of comes again, and is dropped then."""
        self._answer(deliveries, b"+ACK")

    def nack(self, deliveries: Sequence[Delivery]) -> None:
        """Have messages delivered again at once."""
        self._answer(deliveries, b"-NAK")

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """End the delivery of messages."""
        self._answer(deliveries, b"+TERM")

    def _answer(self, deliveries: Sequence[Delivery], what: bytes) -> None:
        if deliveries:
            self._link.run(self._answered(deliveries, what), "acknowledging")

    async def _answered(self, deliveries: Sequence[Delivery], what: bytes) -> None:
        client = self._link.client
        for one in deliveries:
            await client.publish(one.handle.reply, what)  # type: ignore[attr-defined]
        await client.flush()

    def close(self) -> None:
        """Let go of the connection."""
        self._link.close()
