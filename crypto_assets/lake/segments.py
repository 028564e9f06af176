"""Recordings as they grow: append-only files of received lines, one writer each.

A line is ``<receive time in ns, 19 digits> <frame>``, the format every capture is imported in. A
segment is one zstd frame whose blocks end at line ends, so that a killed writer's file is read to
its last whole flush. While it grows it is named ``.open`` and its writer holds the kernel's lock on
it; sealing is one rename. A sealed segment never changes.

::

    segments/venue=binance/<session>/20240809T000000.000000Z-000001.jsonl.zst
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from crypto_assets.lake.layout import Layout, checked_name

SUFFIX = ".jsonl.zst"
OPEN = ".open"
_LEVEL = 1
"""On recorded streams level 1 is both smaller and cheaper than 3, and flushing costs nothing."""
_MODE = 0o644


def directory(layout: Layout, venue: str, session: str | None = None) -> Path:
    """The directory of a venue's recordings, or of one session's."""
    base = layout.root / "segments" / f"venue={checked_name(venue)}"
    return base if session is None else base / checked_name(session)


def venues(layout: Layout) -> list[str]:
    """Name the venues that anything was ever recorded of."""
    found = (layout.root / "segments").glob("venue=*")
    return sorted(path.name.removeprefix("venue=") for path in found)


def segment_name(started_ns: int, number: int) -> str:
    """Name a session's segment by the UTC instant it began and its number."""
    started = dt.datetime.fromtimestamp(started_ns // 10**9, dt.UTC)
    return f"{started:%Y%m%dT%H%M%S}.{started_ns % 10**9 // 1000:06d}Z-{number:06d}{SUFFIX}"


def line(received_ns: int, frame: bytes) -> bytes:
    r"""Make a recording's line of a frame.

    JSON on the wire has no newline; where a frame has one it is whitespace between its parts, and
    becomes a blank so that the next line stays readable.
    """
    if b"\n" in frame:
        frame = frame.replace(b"\n", b" ")
    return b"%d %b\n" % (received_ns, frame)


class SegmentWriter:
    """Write one segment; use it from one thread at a time.

    Raises:
        OSError: the disk is full or failing. What was flushed before stays readable.
    """

    def __init__(self, session: Path, name: str, first: bytes) -> None:
        """Create the file with its first lines on disk.

        Raises:
            FileExistsError: there is a segment of that name.
        """
        self.path = session / checked_name(name)
        if self.path.exists():
            raise FileExistsError(f"{self.path}: expected no segment of that name")
        self._open = self.path.with_name(name + OPEN)
        self._stream = zstandard.ZstdCompressor(_LEVEL, write_checksum=True).compressobj()
        self.bytes = 0
        """Compressed bytes on disk."""
        self._is_whole = True
        self._descriptor = _created(self._open)
        try:
            self.write(first)
            _sync(session)
        except OSError:
            self._open.unlink(missing_ok=True)
            os.close(self._descriptor)
            raise

    def write(self, lines: bytes) -> None:
        """Append whole lines; they are on the disk when this returns."""
        self._append(self._stream.compress(lines), zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def _append(self, data: bytes, flush: int) -> None:
        data += self._stream.flush(flush)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError:
            # What was cut in the middle is taken back; the stream cannot go on after it.
            self._is_whole = False
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.bytes)
            raise
        self.bytes += len(data)

    def seal(self, last: bytes = b"") -> Path:
        """Append the last lines, end the stream and give the file its final name.

        After a failed write the file ends where that began, visibly cut.
        """
        try:
            if self._is_whole:
                self._append(self._stream.compress(last), zstandard.COMPRESSOBJ_FLUSH_FINISH)
        finally:
            try:
                self._open.rename(self.path)
                _sync(self.path.parent)
            finally:
                os.close(self._descriptor)
        return self.path


def sealed(layout: Layout, venue: str) -> list[Path]:
    """Every sealed segment of a venue, by session and start."""
    return sorted(directory(layout, venue).glob(f"*/[!.]*{SUFFIX}"))


def growing(layout: Layout, venue: str) -> list[Path]:
    """Every segment that a writer holds, or a killed one left."""
    return sorted(directory(layout, venue).glob(f"*/[!.]*{SUFFIX}{OPEN}"))


def recover(layout: Layout, venue: str) -> list[Path]:
    """Seal what killed writers left; gives the segments sealed by this call.

    A writer is gone when the kernel gives its lock to another; age and process ids say nothing.
    Nothing is cut: the end of such a segment stays visibly torn. A file without a byte is removed.
    """
    return [path for left in growing(layout, venue) for path in _recovered(left)]


def _created(path: Path) -> int:
    """Create a file and hold its lock.

    Raises:
        FileExistsError: it is there.
    """
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # A recovery may have locked it first, and removed it as one without a byte.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _recovered(left: Path) -> Iterator[Path]:
    # Its writer may seal it, and another recovery may be quicker, at any moment.
    with contextlib.suppress(FileNotFoundError, BlockingIOError), left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file.fileno()), left.stat()):
            return
        if left.stat().st_size == 0:
            left.unlink()
            return
        os.fsync(file.fileno())
        final = left.with_name(left.name.removesuffix(OPEN))
        left.rename(final)
        _sync(final.parent)
        yield final


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
