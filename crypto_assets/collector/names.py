"""One living collector of a name: whoever holds the kernel's lock on ``collectors/<name>.lock``.

The file stays when the lock goes, with the process id of its last holder in it; the kernel lets go
of the lock when the holder ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from crypto_assets.lake.layout import Layout, checked_name

_TRIES = 20
_PAUSE_SECONDS = 0.05
"""Whoever only looks holds the lock for an instant: a taken one is tried again for a second."""


def _file(layout: Layout, name: str) -> Path:
    return layout.root / "collectors" / f"{checked_name(name)}.lock"


@contextlib.contextmanager
def holding(layout: Layout, name: str) -> Iterator[bool]:
    """Hold a name while the block runs; gives False where another process holds it."""
    path = _file(layout, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        is_ours = _taken(descriptor)
        if is_ours:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        yield is_ours
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def holder(layout: Layout, name: str) -> int | None:
    """Give the process id of who holds a name, 0 where it has not said it yet, None for nobody."""
    try:
        file = _file(layout, name).open("rb")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = file.read().strip()
            return int(said) if said.isdigit() else 0
    return None
