"""One connection while it is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from crypto_assets.collector.recorder import Note, Recorder
from crypto_assets.errors import StreamLost
from crypto_assets.sources.feed import Feed
from crypto_assets.sources.stream import Frames

Latest = dict[bytes, tuple[int, bytes] | None]
"""The last frame of each stream with its receive time, by the bytes its frames begin with."""


class Connection:
    """Record what one connection delivers, in a task of its own, until it ends or is closed."""

    def __init__(
        self,
        number: int,
        streams: Sequence[str],
        frames: Frames,
        recorder: Recorder,
        feed: Feed,
        latest: Latest,
    ) -> None:
        self.number = number
        """Counts the session's connections."""
        self.frames = 0
        """Frames it delivered."""
        self.opened = time.monotonic()
        self.ending = asyncio.get_running_loop().create_future()
        """Done when the server has announced the end of its connections."""
        self._streams = streams
        self._stream = frames
        self._recorder = recorder
        self._feed = feed
        self._latest = latest
        self.task = asyncio.create_task(self._record(), name=f"connection-{number}")

    @property
    def lives(self) -> bool:
        """Whether it is still being recorded."""
        return not self.task.done()

    async def _record(self) -> None:
        speaking = asyncio.create_task(self._speak(), name=f"speak-{self.number}")
        try:
            await self._listen()
        except StreamLost as error:
            self._recorder.note("lost", self._told(str(error)))
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])

    async def _speak(self) -> None:
        """Ask for the streams, then say again and again what keeps the connection open."""
        # Whoever listens is told of the loss as well.
        with contextlib.suppress(StreamLost):
            for greeting in self._feed.greetings(self._streams):
                await self._stream.say(greeting)
            while self._feed.keep_alive is not None:
                seconds, message = self._feed.keep_alive
                await asyncio.sleep(seconds)
                await self._stream.say(message)

    async def _listen(self) -> None:
        recorder, feed, latest = self._recorder, self._feed, self._latest
        async for frame, received_ns in self._stream:
            recorder.put(frame, received_ns)
            self.frames += 1
            key = feed.key(frame)
            if key in latest:
                latest[key] = received_ns, frame
            elif not self.ending.done() and feed.announces_end(frame):
                self.ending.set_result(None)
            if recorder.is_full:
                await recorder.room()

    async def close(self, why: str) -> None:
        """End it, unless it has ended, and say so in the recording."""
        if self.lives:
            self.task.cancel()
            await asyncio.wait([self.task])
            self._recorder.note("closed", self._told(why))
        if not self.task.cancelled():
            self.task.result()
        await self._stream.close()

    def _told(self, why: str) -> Note:
        lived = round(time.monotonic() - self.opened, 6)
        return {"connection": self.number, "why": why, "frames": self.frames, "seconds": lived}
