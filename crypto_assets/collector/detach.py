"""A collector in the background: in a session of its own, and nobody's child."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from crypto_assets.collector.health import status
from crypto_assets.collector.options import Exit
from crypto_assets.lake.layout import Layout

_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0


def detach(command: Sequence[str], layout: Layout, venue: str) -> int:
    """Run a command that records, and leave it once it does; for a process that ends soon.

    It is in a session of its own, so that no terminal and no group's end reaches it; when the
    caller's process ends it belongs to init. Its log is the file in ``logs``.

    Returns:
        0 when it has begun a session; otherwise the exit status it ended with.
    """
    process = subprocess.Popen(  # noqa: S603 - our own program with checked arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if any(one.is_alive and one.pid == process.pid for one in status(layout, venue)):
            # It goes on without us: nobody here is to wait for it.
            process.returncode = 0
            return Exit.DONE
        ended = process.poll()
        if ended is not None:
            return ended
        time.sleep(_LOOK_SECONDS)
    process.kill()
    process.wait()
    return Exit.FAILED
