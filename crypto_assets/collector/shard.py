"""Some streams, kept on one connection after the other without a hole where that can be."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from dataclasses import dataclass, field

from crypto_assets.collector import backoff
from crypto_assets.collector.attempts import Attempts
from crypto_assets.collector.connection import Connection, Latest
from crypto_assets.collector.handover import Overlap, Verdict, Why, judge
from crypto_assets.collector.options import Options
from crypto_assets.collector.recorder import Recorder
from crypto_assets.collector.roll import lifetime
from crypto_assets.collector.silence import Silence, patience
from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.feed import Feed
from crypto_assets.sources.refusal import UNAVAILABLE_FOR_LEGAL_REASONS
from crypto_assets.sources.stream import Connect

_LOOK_SECONDS = 0.25
"""How often a connection is looked at; nothing is decided between two looks."""


@dataclass(slots=True)
class Shared:
    """What all shards of a session have in common."""

    options: Options
    feed: Feed
    base: str
    connect: Connect
    recorder: Recorder
    attempts: Attempts
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one shard that rotates."""
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    chance: random.Random = field(default_factory=random.SystemRandom)


class Shard:
    """Keep a connection for these streams; a new one is there before the old one goes."""

    def __init__(self, number: int, streams: list[str], shared: Shared) -> None:
        self.number = number
        self.streams = streams
        self.latest: Latest = {shared.feed.key_of(stream): None for stream in streams}
        self.reconnects = 0
        """Connections opened because one was lost: each may be a hole."""
        self.rotations = 0
        """Connections that took over from a living one."""
        self._shared = shared
        self._address = shared.feed.address(shared.base, streams)
        self._failures = 0
        self._failed_at = 0.0
        self._silences = 0
        self._was_open = False
        self._connections: list[Connection] = []

    @property
    def open(self) -> list[int]:
        """The numbers of the connections that are being recorded, two in a handover."""
        return [connection.number for connection in self._connections if connection.lives]

    async def run(self) -> None:
        """Keep recording until cancelled.

        Raises:
            Refused: the exchange will not serve this address.
        """
        current = await self._opened(None)
        while True:
            why = await self._until_due(current)
            if why is Why.LOST:
                current = await self._after_loss(current)
            elif why is Why.AGE:
                # Nobody holds it: that is what made it due.
                async with self._shared.turn:
                    current = await self._replace(current, why)
            else:
                current = await self._replace(current, why)

    async def close(self, why: str) -> None:
        """Close every connection."""
        while self._connections:
            await self._close(self._connections[-1], why)

    async def _close(self, connection: Connection, why: str) -> None:
        self._connections.remove(connection)
        await connection.close(why)

    async def _until_due(self, current: Connection) -> Why:
        """Wait until this connection is to be replaced."""
        options, shared = self._shared.options, self._shared
        old_at = current.opened + lifetime(options.rotate_seconds, shared.chance.random())
        silence = Silence(current.frames, time.monotonic())
        while True:
            await asyncio.wait(
                {current.task, current.ending},
                timeout=_LOOK_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            now = time.monotonic()
            if not current.lives:
                return Why.LOST
            if current.ending.done():
                return Why.SHUTDOWN
            if now >= old_at and not shared.turn.locked():
                return Why.AGE
            if shared.recorder.is_full:
                silence = Silence(current.frames, now)
            silence = silence.seen(current.frames, now)
            if current.frames:
                self._silences = 0
            if silence.lasted(now) >= patience(options.stall_seconds, self._silences):
                self._shared.recorder.note(
                    "silent",
                    {"connection": current.number, "seconds": round(silence.lasted(now), 3)},
                )
                return Why.SILENCE

    async def _after_loss(self, lost: Connection) -> Connection:
        """Connect anew where nothing is left."""
        self._failures = backoff.failures_after(self._failures, time.monotonic() - lost.opened)
        await self._close(lost, "lost")
        self.reconnects += 1
        return await self._opened(Why.LOST)

    async def _replace(self, old: Connection, why: Why) -> Connection:
        """Open the successor of a living connection; give the one that goes on."""
        options = self._shared.options
        self._silences += why is Why.SILENCE
        # What failed before it worked must not hold up its successor: it may have seconds left.
        works = time.monotonic() - max(old.opened, self._failed_at)
        self._failures = backoff.failures_behind(self._failures, works)
        new = await self._opened(why)
        old_frames, delivered_at = old.frames, None
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, options.overlap_seconds / 4))
            now = time.monotonic()
            if new.frames and delivered_at is None:
                delivered_at = now
            both = Overlap(
                why=why,
                old_lives=old.lives,
                new_lives=new.lives,
                old_frames=old.frames - old_frames,
                new_frames=new.frames,
                waited=now - new.opened,
                delivered=0.0 if delivered_at is None else now - delivered_at,
            )
            verdict = judge(both, options.overlap_seconds, options.stall_seconds)
            if verdict is Verdict.NEW:
                self.rotations += old.lives
                self.reconnects += not old.lives
                await self._close(old, why.value)
                return new
            if verdict is Verdict.OLD:
                self._count_failure()
                await self._close(new, "no successor")
                return old

    def _count_failure(self) -> None:
        self._failures += 1
        self._failed_at = time.monotonic()

    async def _opened(self, why: Why | None) -> Connection:
        """Open a connection, as often as it takes and as rarely as is asked for."""
        shared = self._shared
        told = {"shard": self.number, "why": "start" if why is None else why.value}
        asked = 0.0
        while True:
            own = backoff.delay(self._failures, shared.chance.random())
            await asyncio.sleep(max(own, asked))
            await asyncio.sleep(shared.attempts.book(time.monotonic()))
            try:
                frames = await shared.connect(self._address, shared.options.connect_seconds)
            except StreamLost as error:
                asked = error.retry_after
                self._count_failure()
                shared.recorder.note("failed", {**told, "error": str(error)})
            except Refused as error:
                shared.recorder.note("refused", {**told, "error": str(error)})
                # What was served before is an exchange in trouble, unless it is the law.
                if error.status == UNAVAILABLE_FOR_LEGAL_REASONS or not self._was_open:
                    raise
                self._count_failure()
            else:
                break
        self._was_open = True
        number = next(shared.numbers)
        shared.recorder.note("opened", {**told, "connection": number, "streams": self.streams})
        found = Connection(
            number,
            self.streams,
            frames,
            shared.recorder,
            shared.feed,
            self.latest,
        )
        self._connections.append(found)
        return found
