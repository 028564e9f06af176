"""A session from its start to its end: shards, recorder, clock, heartbeat, and who ends it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import os
import re
import shutil
import signal
import socket
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crypto_assets.collector import health, log, names
from crypto_assets.collector.attempts import Attempts
from crypto_assets.collector.options import BY_HAND, BY_SENSOR, BY_SERVICE, Exit, Options
from crypto_assets.collector.recorder import Note, Recorder
from crypto_assets.collector.shard import Shard, Shared
from crypto_assets.collector.shards import shards
from crypto_assets.errors import InvalidName, InvalidSettings, Refused, StreamLost
from crypto_assets.lake import atomic, segments
from crypto_assets.lake.layout import Layout
from crypto_assets.settings import collector_name
from crypto_assets.sources import feed
from crypto_assets.sources.clock import Offset, measure
from crypto_assets.sources.stream import connect

_TICK_SECONDS = 1.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_KEEPER = re.compile(rf"{BY_HAND}|{BY_SERVICE}|{BY_SENSOR}:[a-z0-9]{{1,40}}")


def run(options: Options) -> int:
    """Record until asked to end (SIGTERM, SIGINT), and seal every segment.

    Several collectors may record into one lake, each has a session of its own; of a name there is
    only one. What killed ones left is sealed first.

    Returns:
        One of :class:`Exit`: 0 when asked to end or its time is over, 4 when the disk has too
        little room, 5 when the exchange refuses to serve, 6 when the disk fails, 7 when another
        of that name lives.

    Raises:
        InvalidName: a venue, symbol, kind of stream or the name is none.
        InvalidSettings: an address is not of a websocket or of HTTP.
    """
    streams = checked(options)
    if options.name is None:
        return _record(options, streams)
    with names.holding(Layout(options.lake), options.name) as is_alone:
        return _record(options, streams) if is_alone else Exit.HELD


def checked(options: Options) -> tuple[str, ...]:
    """Give the streams that are recorded; touches nothing.

    Raises:
        InvalidName: a venue, symbol, kind of stream or the name is none.
        InvalidSettings: an address is not of a websocket or of HTTP.
    """
    if not (streams := feed(options.venue).streams(options.symbols, options.kinds)):
        raise InvalidName("expected a symbol and a kind of stream to record, found none")
    _check(options.ws_url, ("ws", "wss"))
    _check(options.http_url, ("http", "https"))
    if not _KEEPER.fullmatch(options.kept_by):
        raise InvalidName(
            f"kept by {options.kept_by!r}: expected {BY_HAND}, {BY_SERVICE} or {BY_SENSOR}:<id>",
        )
    if options.name is not None:
        collector_name(options.name)
    return streams


def _record(options: Options, streams: tuple[str, ...]) -> int:
    layout = Layout(options.lake)
    started = dt.datetime.now(dt.UTC)
    name = f"{started:%Y%m%dT%H%M%SZ}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    directory = segments.directory(layout, options.venue, name)
    with atomic.locked(directory), _logging(options, name):
        for left in segments.recover(layout, options.venue):
            log.say("recovered", {"segment": layout.relative(left)})
        return asyncio.run(Session(options, directory, streams).run())


def _check(url: str | None, schemes: tuple[str, str]) -> None:
    """Hold an address that was given against what can be reached."""
    if url is not None and not (urlsplit(url).scheme in schemes and urlsplit(url).hostname):
        raise InvalidSettings(f"address {url!r}: expected {' or '.join(schemes)}://host[:port]")


@contextlib.contextmanager
def _logging(options: Options, session: str) -> Iterator[None]:
    handlers = log.start(options.lake / "logs", session, options.log_days)
    try:
        yield
    finally:
        log.stop(handlers)


class Session:
    """One run of a collector."""

    def __init__(self, options: Options, directory: Path, streams: tuple[str, ...]) -> None:
        self._options = options
        self._directory = directory
        self._streams = streams
        self._feed = feed(options.venue)
        self._recorder = Recorder(options, directory, self._header)
        shared = Shared(
            options=options,
            feed=self._feed,
            base=options.ws_url or self._feed.ws_url,
            connect=connect,
            recorder=self._recorder,
            attempts=Attempts(*self._feed.attempts),
        )
        most = min(options.streams_per_connection, self._feed.streams_per_connection)
        self._shards = [
            Shard(number, names, shared) for number, names in enumerate(shards(streams, most), 1)
        ]
        self._offset: Offset | None = None
        self._started_ns = time.time_ns()
        self._counted = (0, time.monotonic())
        self._ended = asyncio.Event()

    async def run(self) -> Exit:
        """Record until the end, seal, and say how it ended."""
        self._recorder.start()
        with self._signals():
            tasks = self._tasks()
            try:
                done, _ = await asyncio.wait(
                    tasks,
                    timeout=self._options.duration,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            failures = [
                error
                for task in tasks
                if not task.cancelled() and (error := task.exception()) is not None
            ]
            disk = any(task.get_name() == "heartbeat" for task in done)
            # A second signal must not cut short what the first one asked for.
            return await self._finish(Exit.DISK if disk else Exit.DONE, failures)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        work: dict[str, Coroutine[Any, Any, Any]] = {
            "writer": self._recorder.run(),
            "heartbeat": self._beat(),
            "clock": self._watch_clock(),
            "end": self._ended.wait(),
            **{f"shard-{shard.number}": shard.run() for shard in self._shards},
        }
        return [asyncio.create_task(each, name=name) for name, each in work.items()]

    async def _finish(self, ended: Exit, failures: list[BaseException]) -> Exit:
        """Seal what was recorded, then close the connections, then tell."""
        for failure in failures:
            if isinstance(failure, Refused):
                ended = Exit.REFUSED
            elif isinstance(failure, OSError):
                ended = self._disk_failed(failure)
        # What came is safe before anything is waited for.
        try:
            await self._recorder.flush()
        except OSError as error:
            ended = self._disk_failed(error)
        closing = (shard.close("stop") for shard in self._shards)
        closed = await asyncio.gather(*closing, return_exceptions=True)
        failures = failures + [error for error in closed if error is not None]
        self._recorder.note("stop", {"how": ended.name.lower()})
        try:
            await self._recorder.finish()
        except OSError as error:
            ended = self._disk_failed(error)
        with contextlib.suppress(OSError):
            health.write(self._directory, self._health(ended.name.lower()))
        for failure in failures:
            if not isinstance(failure, (Refused, OSError)):
                raise failure
        return ended

    def _disk_failed(self, error: OSError) -> Exit:
        log.say("failed", {"error": str(error), "lines_lost": self._recorder.lost})
        return Exit.DISK if error.errno in _NO_ROOM else Exit.FAILED

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT; only a process's first thread is told of them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        asked = (signal.SIGTERM, signal.SIGINT)
        for number in asked:
            loop.add_signal_handler(number, self._ended.set)
        try:
            yield
        finally:
            for number in asked:
                loop.remove_signal_handler(number)

    def _header(self) -> Note:
        """Say what is being recorded, by whom, and from which connections."""
        offset = self._offset
        return {
            "session": self._directory.name,
            "name": self._options.name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "venue": self._options.venue,
            "url": self._options.ws_url or self._feed.ws_url,
            "clock_offset_us": offset.offset_us if offset else None,
            "shards": [
                {"shard": shard.number, "connections": shard.open, "streams": shard.streams}
                for shard in self._shards
            ],
        }

    async def _watch_clock(self) -> None:
        """Measure this machine's clock against the exchange's, again and again."""
        base = self._options.http_url or self._feed.http_url
        while True:
            try:
                self._offset = await asyncio.to_thread(measure, self._feed, base)
            except (StreamLost, Refused) as error:
                self._recorder.note("clock", {"error": str(error)})
            else:
                measured = {
                    "offset_us": self._offset.offset_us,
                    "round_trip_us": self._offset.round_trip_us,
                    "wall_ns": time.time_ns(),
                    "monotonic_ns": time.monotonic_ns(),
                }
                self._recorder.note("clock", measured)
            await asyncio.sleep(self._options.clock_seconds)

    async def _beat(self) -> None:
        """Say each second how it goes; returns when the disk has too little room."""
        while True:
            free = (await asyncio.to_thread(shutil.disk_usage, self._directory)).free
            now_state = self._health("recording")
            await asyncio.to_thread(health.write, self._directory, now_state)
            if free < self._options.min_free_bytes:
                told = {"free_bytes": free, "min_free_bytes": self._options.min_free_bytes}
                self._recorder.note("disk", told)
                return
            await asyncio.sleep(_TICK_SECONDS)

    def _health(self, state: str) -> health.Health:
        recorder, now = self._recorder, time.monotonic()
        frames_before, before = self._counted
        self._counted = recorder.frames, now
        ids, lag = health.glances(self._feed, (shard.latest for shard in self._shards))
        return health.Health(
            session=self._directory.name,
            name=self._options.name,
            kept_by=self._options.kept_by,
            records=self._options.digest,
            venue=self._options.venue,
            pid=os.getpid(),
            host=socket.gethostname(),
            state=state,
            started_ns=self._started_ns,
            heartbeat_ns=time.time_ns(),
            streams=len(self._streams),
            connections=sum(len(shard.open) for shard in self._shards),
            shards=len(self._shards),
            frames=recorder.frames,
            frames_per_second=round((recorder.frames - frames_before) / max(now - before, 1e-3), 1),
            lag_ms=lag,
            clock_offset_us=self._offset.offset_us if self._offset else None,
            last_ids=ids,
            reconnects=sum(shard.reconnects for shard in self._shards),
            rotations=sum(shard.rotations for shard in self._shards),
            pauses=recorder.pauses,
            waiting_bytes=recorder.waiting,
            high_water_bytes=recorder.high_water,
            segment=recorder.segment,
            free_bytes=recorder.free_bytes,
        )
