"""A collector as a real process, and how much memory it takes."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from crypto_assets.collector import Health, Options, status
from crypto_assets.lake.layout import Layout

_SCRIPT = (
    "import pickle, sys; from crypto_assets.collector import run; "
    "sys.exit(run(pickle.load(sys.stdin.buffer)))"
)


def until(holds: Callable[[], object], says: str) -> None:
    """Wait until something holds; a minute is for ever."""
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError(f"it never came to hold: {says}")


class Collector:
    """A collector in a process of its own; what it logs is in its lake."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(pickle.dumps(options))
        self.process.stdin.close()

    @property
    def health(self) -> Health | None:
        """How the newest session of its lake is."""
        found = status(Layout(self.options.lake), self.options.venue)
        return max(found, key=lambda health: health.started_ns, default=None)

    def has_seen(self, last_ids: dict[str, int]) -> bool:
        """Whether it recorded the trade of that id of each symbol, or a later one."""
        found = self.health.last_ids if self.health else {}
        return all(
            found.get(f"{symbol.lower()}@trade", -1) >= last for symbol, last in last_ids.items()
        )

    def stop(self) -> int:
        """End it as a supervisor does; gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def collecting(options: Options) -> Iterator[Collector]:
    """Run a collector; it is killed where it has not ended by then."""
    found = Collector(options)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.wait()


class Memory:
    """What a process holds, looked at each second in a thread of its own."""

    def __init__(self, pid: int) -> None:
        self.mb: list[float] = []
        self._status = Path(f"/proc/{pid}/status")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            try:
                lines = self._status.read_text().splitlines()
            except FileNotFoundError:
                return
            # A process that has just ended has a status without memory in it.
            found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
            if not found:
                return
            self.mb.append(int(found[0]) / 1024)
