"""Google Cloud Pub/Sub: a topic with ordering keys, and a pull subscription.

Pub/Sub keeps no ids of publishers: every repeat is delivered, and whoever writes the trades drops
it. ``PUBSUB_EMULATOR_HOST`` is honoured by Google's client, which then needs no credentials.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from types import ModuleType

from crypto_assets.errors import InvalidSettings, StreamLost
from crypto_assets.model.message import Delivery, Message
from crypto_assets.sinks.extras import installed

ID = "id"
"""The attribute that names the trade."""
PATIENCE_SECONDS = 60.0
_HELD_MESSAGES = 10_000
_HELD_BYTES = 32 << 20
_MOST_A_PULL = 1_000
"""Of one request, as the service limits it."""
_MOST_ACKS = 1_000
"""Ids in one request: it must stay below 512 KiB."""
_LEAST_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Whose topic, and its name; the subscription to it is ``<topic>-<consumer>``."""

    project: str
    name: str

    @property
    def path(self) -> str:
        """As the service names it."""
        return f"projects/{self.project}/topics/{self.name}"

    def subscription(self, consumer: str) -> str:
        """Name the subscription of a consumer."""
        return f"projects/{self.project}/subscriptions/{self.name}-{consumer}"


def _client() -> ModuleType:
    """Import Google's client.

    Raises:
        NotInstalled: it is not there.
    """
    with installed("gcp"):
        return importlib.import_module("google.cloud.pubsub_v1")


class PubSubBroker:
    """Publish to a topic, as :class:`~crypto_assets.model.message.Broker` says."""

    def __init__(self, topic: Topic, patience: float = PATIENCE_SECONDS) -> None:
        """Open a client, and make the topic where there is none.

        Raises:
            NotInstalled: Google's client is not there.
            InvalidSettings: there are no credentials.
            StreamLost: the service cannot be reached.
        """
        pubsub = _client()
        from google.api_core.exceptions import AlreadyExists, GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError

        self._topic, self._patience = topic, patience
        held = pubsub.types.PublishFlowControl(
            message_limit=_HELD_MESSAGES,
            byte_limit=_HELD_BYTES,
            limit_exceeded_behavior=pubsub.types.LimitExceededBehavior.BLOCK,
        )
        options = pubsub.types.PublisherOptions(enable_message_ordering=True, flow_control=held)
        try:
            self._client = pubsub.PublisherClient(publisher_options=options)
            self._client.create_topic(request={"name": topic.path}, timeout=patience)
        except AlreadyExists:
            return
        except GoogleAuthError as error:
            raise InvalidSettings(f"Pub/Sub: {type(error).__name__}") from error
        except GoogleAPICallError as error:
            raise StreamLost(f"Pub/Sub {topic.path}: {error.message}") from error

    @property
    def name(self) -> str:
        """``pubsub.<project>.<topic>``."""
        return f"pubsub.{self._topic.project}.{self._topic.name}"

    def publish(self, messages: Sequence[Message]) -> int:
        """Publish with the client's bounded window; repeats are not known to the service."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.cloud.pubsub_v1.publisher.exceptions import PublishToPausedOrderingKeyException

        until = time.monotonic() + self._patience
        left = list(messages)
        while left:
            sent = [self._send(message) for message in left]
            again, why = [], ""
            for message, future in zip(left, sent, strict=True):
                try:
                    future.result(self._patience)
                except (
                    GoogleAPICallError,
                    FutureTimeout,
                    PublishToPausedOrderingKeyException,
                ) as error:
                    again.append(message)
                    why = why or str(error) or type(error).__name__
            if again and time.monotonic() > until:
                raise StreamLost(f"Pub/Sub {self._topic.path}: {why}")
            # After an error a key is paused, so that nothing overtakes what was not stored.
            for key in {message.key for message in again}:
                self._client.resume_publish(self._topic.path, key)
            left = again
        return 0

    def _send(self, message: Message):  # type: ignore[no-untyped-def] # noqa: ANN202 - Google's
        return self._client.publish(
            self._topic.path,
            message.payload,
            ordering_key=message.key,
            **{ID: message.id},
        )

    def close(self) -> None:
        """Send what is held and let go of the connection."""
        self._client.stop()
        self._client.transport.close()


class PubSubSubscription:
    """Pull from a subscription, as ``Subscription`` of the model says."""

    def __init__(
        self,
        topic: Topic,
        consumer: str,
        redeliver_seconds: int = 30,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Open a client, and make the subscription where there is none.

        What is not acknowledged for ``redeliver_seconds`` comes again; the service takes 10 to 600.

        Raises:
            NotInstalled: Google's client is not there.
            InvalidSettings: there are no credentials.
            StreamLost: the service cannot be reached, or the topic is not there.
        """
        pubsub = _client()
        from google.api_core.exceptions import AlreadyExists, GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError

        self._path = topic.subscription(consumer)
        self._patience = patience
        wanted = {
            "name": self._path,
            "topic": topic.path,
            "ack_deadline_seconds": max(redeliver_seconds, _LEAST_SECONDS),
            "enable_message_ordering": True,
            # The default expires a subscription that nobody pulls from for a month.
            "expiration_policy": {},
        }
        try:
            self._client = pubsub.SubscriberClient()
            self._client.create_subscription(request=wanted, timeout=patience)
        except AlreadyExists:
            return
        except GoogleAuthError as error:
            raise InvalidSettings(f"Pub/Sub: {type(error).__name__}") from error
        except GoogleAPICallError as error:
            raise StreamLost(f"Pub/Sub {self._path}: {error.message}") from error

    def pull(self, most: int, seconds: float) -> list[Delivery]:
        """Take messages until there are enough or the time is over."""
        from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError

        found: list[Delivery] = []
        until = time.monotonic() + seconds
        while len(found) < most and (left := until - time.monotonic()) > 0:
            request = {
                "subscription": self._path,
                "max_messages": min(most - len(found), _MOST_A_PULL),
            }
            try:
                answer = self._client.pull(request=request, timeout=left, retry=None)
            except DeadlineExceeded:
                break
            except GoogleAPICallError as error:
                raise StreamLost(f"Pub/Sub {self._path}: {error.message}") from error
            found += [
                Delivery(one.message.attributes.get(ID), one.message.data, one.ack_id)
                for one in answer.received_messages
            ]
        return found

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge; what the service does not hear of comes again, and is dropped then."""
        for ids in _ids(deliveries):
            self._ask("acknowledge", {"subscription": self._path, "ack_ids": ids})

    def nack(self, deliveries: Sequence[Delivery]) -> None:
        """Have messages delivered again at once."""
        for ids in _ids(deliveries):
            self._ask(
                "modify_ack_deadline",
                {"subscription": self._path, "ack_ids": ids, "ack_deadline_seconds": 0},
            )

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge: whoever rejects a message has kept it."""
        self.ack(deliveries)

    def _ask(self, method: str, request: dict[str, object]) -> None:
        from google.api_core.exceptions import GoogleAPICallError

        try:
            getattr(self._client, method)(request=request, timeout=self._patience)
        except GoogleAPICallError as error:
            raise StreamLost(f"Pub/Sub {self._path}: {error.message}") from error

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _ids(deliveries: Sequence[Delivery]) -> list[list[str]]:
    found = [str(one.handle) for one in deliveries]
    return [found[at : at + _MOST_ACKS] for at in range(0, len(found), _MOST_ACKS)]
