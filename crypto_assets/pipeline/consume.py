"""Take trades off a broker and write each once: acknowledged only when they are durable."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from crypto_assets.errors import Transient
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.streamed import Letter, keep_letter
from crypto_assets.model.message import Subscription, TradeSink
from crypto_assets.transforms.messages import trades_of

_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Consumed:
    """What became of some messages."""

    messages: int = 0
    new: int = 0
    """Trades that were not there."""
    letters: int = 0
    """Messages that could not be read, kept in the dead letters."""
    why: str | None = None
    """Why nothing could be taken, or was given back to come again."""

    def __add__(self, other: Consumed) -> Consumed:
        return Consumed(
            self.messages + other.messages,
            self.new + other.new,
            self.letters + other.letters,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """How much is written at once: so many messages, or what comes in so many seconds."""

    rows: int = 10_000
    seconds: float = 1.0


def consume(
    layout: Layout,
    stream: str,
    connect: Callable[[], Subscription],
    sink: TradeSink,
    batch: Batch,
    *,
    ended: threading.Event,
    until_empty: bool = False,
    told: Callable[[Consumed], None] = lambda _: None,
) -> Consumed:
    """Write what comes until it is to end, or until nothing comes.

    A message is acknowledged after the sink has it on the disk, so a kill at any instant makes
    messages come again and loses none. What is no trade goes to the dead letters, and is rejected
    when it is there. Where the sink or the broker fails in passing, the batch is given back and
    tried again later and later, on a new connection.

    Raises:
        Transient: nothing was to be waited for, and the broker or the sink failed.
        Terminal: the sink fails for good; the batch is not acknowledged.
    """
    whole, tries = Consumed(), 0
    while not ended.is_set():
        try:
            with contextlib.closing(connect()) as subscription:
                while not ended.is_set():
                    found = _batch(layout, stream, subscription, sink, batch)
                    whole, tries = whole + found, 0
                    if found.messages:
                        told(found)
                    elif until_empty:
                        return whole
        except Transient as error:
            if until_empty:
                raise
            told(Consumed(why=str(error)))
            ended.wait(min(_PAUSE_SECONDS * 2**tries, _LONGEST_PAUSE_SECONDS))
            tries = min(tries + 1, 10)
    return whole


def _batch(
    layout: Layout,
    stream: str,
    subscription: Subscription,
    sink: TradeSink,
    batch: Batch,
) -> Consumed:
    deliveries = subscription.pull(batch.rows, batch.seconds)
    if not deliveries:
        return Consumed()
    decoded = trades_of(deliveries)
    try:
        new = 0 if decoded.rows.is_empty() else sink.append(decoded.rows)
    except Transient:
        subscription.nack(deliveries)
        raise
    for place, reason in decoded.wrong.items():
        found = deliveries[place]
        keep_letter(layout, stream, Letter(reason=reason, id=found.id, payload=found.payload))
    subscription.ack([one for at, one in enumerate(deliveries) if at not in decoded.wrong])
    subscription.reject([deliveries[place] for place in decoded.wrong])
    return Consumed(len(deliveries), new, len(decoded.wrong))
