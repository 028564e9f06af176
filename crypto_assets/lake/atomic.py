"""One atomic replace: what makes a file final.

A file is written under a dotted temporary name in its own directory, synced, renamed over the
final name, and the directory is synced. A reader sees the old file or the new one, never a part.
A temporary file is locked as long as its writer lives: what a killed one left is told by its lock
being free, and removed by whoever writes the same file next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _temporary(target: Path) -> Path:
    """Name a temporary file, in a directory that is there and free of what killed writers left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}."
    for left in target.parent.iterdir():
        if left.name.startswith(prefix) and left.name.endswith(".tmp"):
            _remove_if_left(left)
    return target.with_name(f"{prefix}{uuid.uuid4().hex}.tmp")


def _remove_if_left(temporary: Path) -> None:
    """Remove a temporary file whose writer is gone."""
    # Its writer may finish, and rename it, at any moment.
    with contextlib.suppress(FileNotFoundError, BlockingIOError), temporary.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.unlink()


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give an empty temporary file that replaces ``target`` when the block ends without an error.

    Nothing is replaced when the block removes it.
    """
    temporary = _temporary(target)
    with temporary.open("xb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            yield temporary
            if temporary.exists():
                _sync_file(temporary)
                temporary.replace(target)
                _sync_directory(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a small file atomically."""
    with replacing(target) as temporary:
        temporary.write_bytes(data)


def link(source: Path, target: Path) -> None:
    """Give a file a second name atomically; copies where the filesystem has no links."""
    temporary = _temporary(target)
    with source.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            os.link(source, temporary)
            temporary.replace(target)
            _sync_directory(target.parent)
        except OSError:
            with replacing(target) as copied:
                shutil.copyfile(source, copied)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory for this process alone; the kernel lets go when the process ends."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
