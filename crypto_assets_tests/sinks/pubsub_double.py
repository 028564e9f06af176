"""Our own fake of Pub/Sub: topics, subscriptions, publish, pull, acknowledge, over gRPC.

It is no emulator of Google's: it speaks ``google.pubsub.v1`` to the real client, keeps everything
in memory, and knows only what the tests ask. It repeats and refuses on order.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1.types import pubsub


class Double:
    """What the fake holds; ``refuse`` says how many publish requests fail first."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.topics: set[str] = set()
        self.subscriptions: dict[str, pubsub.Subscription] = {}
        self.waiting: dict[str, deque[pubsub.PubsubMessage]] = {}
        self.out: dict[str, tuple[str, pubsub.PubsubMessage]] = {}
        self.published: list[pubsub.PubsubMessage] = []
        self.refuse = 0
        self._numbers = itertools.count(1)

    def CreateTopic(self, asked: pubsub.Topic, context: Any) -> pubsub.Topic:  # noqa: N802
        with self.lock:
            if asked.name in self.topics:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "topic")
            self.topics.add(asked.name)
        return asked

    def CreateSubscription(self, asked: pubsub.Subscription, context: Any) -> pubsub.Subscription:  # noqa: N802
        with self.lock:
            if asked.topic not in self.topics:
                context.abort(grpc.StatusCode.NOT_FOUND, "topic")
            if asked.name in self.subscriptions:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "subscription")
            self.subscriptions[asked.name] = asked
            self.waiting[asked.name] = deque()
        return asked

    def Publish(self, asked: pubsub.PublishRequest, context: Any) -> pubsub.PublishResponse:  # noqa: N802
        with self.lock:
            if self.refuse:
                self.refuse -= 1
                # Of those the client does not try again by itself.
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "refused on order")
            names = []
            for message in asked.messages:
                message.message_id = str(next(self._numbers))
                names.append(message.message_id)
                self.published.append(message)
                for name, one in self.subscriptions.items():
                    if one.topic == asked.topic:
                        self.waiting[name].append(message)
            self.lock.notify_all()
        return pubsub.PublishResponse(message_ids=names)

    def Pull(self, asked: pubsub.PullRequest, context: Any) -> pubsub.PullResponse:  # noqa: N802
        found = []
        with self.lock:
            if asked.subscription not in self.waiting:
                context.abort(grpc.StatusCode.NOT_FOUND, "subscription")
            waiting = self.waiting[asked.subscription]
            self.lock.wait_for(lambda: waiting or not context.is_active(), timeout=0.2)
            while waiting and len(found) < asked.max_messages:
                message = waiting.popleft()
                ack_id = f"ack-{next(self._numbers)}"
                self.out[ack_id] = asked.subscription, message
                found.append(pubsub.ReceivedMessage(ack_id=ack_id, message=message))
        return pubsub.PullResponse(received_messages=found)

    def Acknowledge(self, asked: pubsub.AcknowledgeRequest, _: Any) -> empty_pb2.Empty:  # noqa: N802
        with self.lock:
            for ack_id in asked.ack_ids:
                self.out.pop(ack_id, None)
        return empty_pb2.Empty()

    def ModifyAckDeadline(  # noqa: N802
        self,
        asked: pubsub.ModifyAckDeadlineRequest,
        _: Any,
    ) -> empty_pb2.Empty:
        with self.lock:
            for ack_id in asked.ack_ids:
                if asked.ack_deadline_seconds == 0 and ack_id in self.out:
                    name, message = self.out.pop(ack_id)
                    self.waiting[name].append(message)
        return empty_pb2.Empty()

    def repeat(self) -> None:
        """Deliver everything again, as the service may."""
        with self.lock:
            for name, message in list(self.out.values()):
                self.waiting[name].append(message)


_METHODS = {
    "Publisher": {"CreateTopic": pubsub.Topic, "Publish": pubsub.PublishRequest},
    "Subscriber": {
        "CreateSubscription": pubsub.Subscription,
        "Pull": pubsub.PullRequest,
        "Acknowledge": pubsub.AcknowledgeRequest,
        "ModifyAckDeadline": pubsub.ModifyAckDeadlineRequest,
    },
}


def _serialised(answer: Any) -> bytes:
    if isinstance(answer, empty_pb2.Empty):
        return answer.SerializeToString()
    return type(answer).serialize(answer)


@contextlib.contextmanager
def double() -> Iterator[tuple[Double, str]]:
    """Run the fake on loopback; gives it and its ``host:port``."""
    found = Double()
    server = grpc.server(ThreadPoolExecutor(4))
    for service, methods in _METHODS.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                getattr(found, name),
                request_deserializer=kind.deserialize,
                response_serializer=_serialised,
            )
            for name, kind in methods.items()
        }
        handler = grpc.method_handlers_generic_handler(f"google.pubsub.v1.{service}", handlers)
        server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield found, f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
