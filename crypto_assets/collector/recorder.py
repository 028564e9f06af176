"""From sockets to segments: lines wait here, one thread writes them.

The event loop never touches the disk. What waits is bounded: beyond the mark ``is_full`` holds and
the connections stop reading, so that the exchange's own buffers fill. No frame is dropped here.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from crypto_assets.collector.log import say
from crypto_assets.collector.options import Options
from crypto_assets.collector.roll import Due, due
from crypto_assets.lake.segments import SegmentWriter, line, segment_name

Note = dict[str, Any]

_FLUSH_BYTES = 1 << 20
"""So much is written before its second is over."""
_OVERHEAD = 21
"""Bytes of a line's receive time, blank and newline."""


def note_line(kind: str, fields: Note, now_ns: int) -> bytes:
    """Make a line of the collector's own: ``{"collector":<kind>,...}``."""
    return line(now_ns, msgspec.json.encode({"collector": kind, **fields}))


class Recorder:
    """Record frames and notes into one session's segments."""

    def __init__(self, options: Options, session: Path, header: Callable[[], Note]) -> None:
        self._options = options
        self._session = session
        self._header = header
        self._thread = ThreadPoolExecutor(1, "segments")
        self._lines: list[bytes] = []
        self._waiting = 0
        self._writing = 0
        self._work: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._writer: SegmentWriter | None = None
        self._next: Note | None = None
        """What was open as the last segment ended, or the session began."""
        self._begun_ns = 0
        self._number = 0
        self._in_segment = 0
        self.frames = 0
        """Frames recorded since the start."""
        self.high_water = 0
        """The most bytes that ever waited."""
        self.pauses = 0
        """How often the sockets had to wait for the disk."""
        self.lost = 0
        """Lines that could not be written because the disk failed."""
        self.free_bytes: int | None = None
        """Room on the disk as of the last write."""

    @property
    def segment(self) -> str | None:
        """The name of the segment being written."""
        return self._writer.path.name if self._writer else None

    @property
    def waiting(self) -> int:
        """Bytes not yet on the disk."""
        return self._waiting + self._writing

    def put(self, frame: bytes, received_ns: int) -> None:
        """Record one frame."""
        self._lines.append(line(received_ns, frame))
        self._waiting += len(frame) + _OVERHEAD
        self.frames += 1
        if self._waiting >= _FLUSH_BYTES:
            self._wake.set()

    def start(self) -> None:
        """Note that the session starts; call it before anything can come."""
        self._next = self._state(time.time_ns())
        self.note("start", self._header())

    def _state(self, now_ns: int) -> Note:
        return {**self._header(), "wall_ns": now_ns, "monotonic_ns": time.monotonic_ns()}

    def note(self, kind: str, fields: Note) -> None:
        """Record what happened to the recording itself, where it happened."""
        say(kind, fields)
        made = note_line(kind, fields, time.time_ns())
        self._lines.append(made)
        self._waiting += len(made)

    @property
    def is_full(self) -> bool:
        """Whether the sockets must wait."""
        return self._waiting + self._writing >= self._options.held_bytes

    async def room(self) -> None:
        """Wait until the disk has caught up."""
        if not self.is_full:
            return
        begun = time.monotonic()
        self.pauses += 1
        self._room.clear()
        self._wake.set()
        await self._room.wait()
        self.note("paused", {"seconds": round(time.monotonic() - begun, 6)})

    async def run(self) -> None:
        """Write what waits, every second or sooner, and roll segments, until cancelled.

        Raises:
            OSError: a segment could not be written.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.flush_seconds):
                    await self._wake.wait()
            await self.flush()

    async def flush(self, stop: Due | None = None) -> None:
        """Put everything recorded so far on the disk, sealing the segment where that is due.

        Raises:
            OSError: it could not be written.
        """
        self._wake.clear()
        lines, self._lines = self._lines, []
        self._writing, self._waiting = self._waiting, 0
        self.high_water = max(self.high_water, self._writing)
        now_ns = time.time_ns()
        loop = asyncio.get_running_loop()
        state = self._state(now_ns)
        work = loop.run_in_executor(self._thread, self._write, lines, state, now_ns, stop)
        self._work = work
        try:
            await asyncio.shield(work)
        finally:
            self._writing = 0
        if not self.is_full:
            self._room.set()

    async def finish(self) -> None:
        """Write what is left and seal the last segment.

        Raises:
            OSError: it could not be written; the segment is sealed as it is.
        """
        try:
            if self._work is not None:
                # It may have been left behind when whoever waited for it was cancelled.
                await self._work
            await self.flush(Due.STOP)
        finally:
            self._thread.shutdown()

    def _write(self, lines: list[bytes], state: Note, now_ns: int, stop: Due | None) -> None:
        """Write lines in the thread; count them where that fails."""
        try:
            self._append(lines, state, now_ns, stop)
        except OSError:
            self.lost += len(lines)
            raise

    def _append(self, lines: list[bytes], state: Note, now_ns: int, stop: Due | None) -> None:
        """Write lines; the first of a segment says what was open when the one before it ended.

        Lines of a segment are older than its file: what is open by now may not have been then.
        """
        if self._writer is None:
            self._number += 1
            name = segment_name(now_ns, self._number)
            header = {**(self._next or state), "segment": self._number}
            self._writer = SegmentWriter(
                self._session,
                name,
                note_line("segment", header, header["wall_ns"]),
            )
            self._begun_ns, self._in_segment = now_ns, 0
        writer, options = self._writer, self._options
        try:
            if lines:
                writer.write(b"".join(lines))
        except OSError:
            self._seal(writer, Due.STOP)
            raise
        self._in_segment += len(lines)
        why = stop or due(
            self._begun_ns,
            now_ns,
            writer.bytes,
            options.roll_seconds,
            options.roll_bytes,
        )
        if why is not None:
            self._seal(writer, why)
            self._next = state
        self.free_bytes = shutil.disk_usage(self._session).free

    def _seal(self, writer: SegmentWriter, why: Due) -> None:
        self._writer = None
        last = {"why": why.value, "lines": self._in_segment}
        writer.seal(note_line("end", last, time.time_ns()))
        say("sealed", {"segment": writer.path.name, "bytes": writer.bytes, **last})
