"""The collector as ``crypto-assets collect`` runs it; notes when each write was on the disk."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lines import ORDER  # type: ignore[import-not-found, unused-ignore]

from crypto_assets import collector

_SYNCED: list[tuple[int, int, int]] = []


def main() -> int:
    """Record until asked to end."""
    sync = os.fsync

    def noted(fd: Any) -> None:
        sync(fd)
        found = os.fstat(fd)
        _SYNCED.append((time.time_ns(), found.st_ino, found.st_size))

    os.fsync = noted
    lake = Path(ORDER["directory"]) / "lake"
    ended = collector.run(
        collector.Options(
            lake=lake,
            symbols=tuple(ORDER["symbols"]),
            kinds=("trade",),
            ws_url=ORDER["ws_url"],
            http_url=ORDER["http_url"],
        ),
    )
    (Path(ORDER["directory"]) / "synced").write_text(json.dumps(_SYNCED))
    return ended


if __name__ == "__main__":
    sys.exit(main())
