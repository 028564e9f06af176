"""One atomic replace: what makes a file final.

A file is written under a dotted temporary name in its own directory, synced, renamed over the
final name, and the directory is synced. A reader sees the old file or the new one, never a part.
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


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path that replaces ``target`` when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
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


def copy(source: Path, target: Path) -> None:
    """Copy a file's bytes atomically."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def link(source: Path, target: Path) -> None:
    """Give a file a second name atomically; copies where the filesystem has no links."""
    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


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
