"""The file a peer's callback writes to; runs on any interpreter, without this project."""

from __future__ import annotations

import array
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ORDER: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
"""See :class:`bench.live.Order`."""


def at_the_end(save: Callable[[], object]) -> None:
    """Save and end when asked to, whatever the client would do with the signal."""

    def end(*_: object) -> None:
        save()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)


class Lines:
    """``<time in ns> <text>`` a line, and where lines are flushed the instants they were."""

    def __init__(self) -> None:
        self._directory = Path(ORDER["directory"])
        self._file = (self._directory / "lines").open("w")
        self._flush = bool(ORDER["flush"])
        self._written = array.array("q")
        at_the_end(self._save)

    def write(self, text: str) -> None:
        """Append one line."""
        self._file.write(f"{time.time_ns()} {text}\n")
        if self._flush:
            self._file.flush()
            self._written.append(time.time_ns())

    def _save(self) -> None:
        self._file.close()
        (self._directory / "written").write_bytes(self._written.tobytes())
