"""Take what collectors have recorded: every sealed segment once, and what it touches."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake import segments
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.fold import fold
from crypto_assets.pipeline.ingest import Taken, take


def venues(lake: Lake) -> list[str]:
    """The venues that anything was ever recorded of."""
    return segments.venues(lake.layout)


def waiting(lake: Lake, venue: str) -> list[Path]:
    """The sealed segments that are not taken yet: a taken one lies among the inputs instead.

    What a killed collector left open is sealed first, by the kernel's lock.
    """
    segments.recover(lake.layout, venue)
    return segments.sealed(lake.layout, venue)


def known_as(path: Path) -> str:
    """Name a segment as an input.

    Two collectors may begin a segment in the same instant: the session tells them apart.
    """
    return f"{path.parent.name}-{path.name}"


def take_segments(
    lake: Lake,
    venue: str,
    paths: Iterable[Path],
) -> tuple[list[Taken], dict[Path, str]]:
    """Decode segments, each once for all its symbols, and commit their parts.

    One that is taken moves to the inputs, byte by byte the same. One of which not a line can be
    read is set aside under another name, so that nobody asks for it again and again.

    Returns:
        What came of each, and why those could not be read that could not.
    """
    taken: list[Taken] = []
    unreadable: dict[Path, str] = {}
    for path in paths:
        try:
            taken.append(take(lake, path, venue, name=known_as(path), is_final=True))
            path.unlink(missing_ok=True)
        except UnreadableInput as error:
            unreadable[path] = str(error)
            path.rename(path.with_name(path.name + ".unreadable"))
    for day in touched(taken):
        for asset in ("raw_trades", "raw_quotes"):
            fold(lake, asset, day, time.time_ns() // 1_000)
    return taken, unreadable


def touched(taken: Iterable[Taken]) -> list[Partition]:
    """The days that got new parts."""
    return sorted(
        {
            Partition.of(one.record.venue, landed.symbol, landed.date)
            for one in taken
            for landed in one.record.landed
        },
    )
