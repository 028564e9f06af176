"""Take what collectors have recorded: every sealed segment once, and what it touches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake import segments
from crypto_assets.lake.inputs import Inputs
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.ingest import Taken, stem_of, take


def waiting(lake: Lake, venue: str) -> list[Path]:
    """The sealed segments that are not taken yet; reads no file, so ten thousand cost little.

    What a killed collector left open is sealed first, by the kernel's lock.
    """
    segments.recover(lake.layout, venue)
    known = Inputs(lake.layout, venue).capture_stems()
    return [
        path for path in segments.sealed(lake.layout, venue) if stem_of(_name(path)) not in known
    ]


def _name(path: Path) -> str:
    """Name a segment by its session too: two collectors may begin one in the same instant."""
    return f"{path.parent.name}-{path.name}"


def take_segments(
    lake: Lake,
    venue: str,
    paths: Iterable[Path],
) -> tuple[list[Taken], dict[Path, str]]:
    """Decode segments, each once for all its symbols, and commit their parts.

    One of which not a line can be read is set aside under another name, so that nobody asks for
    it again and again.

    Returns:
        What came of each, and why those could not be read that could not.
    """
    taken: list[Taken] = []
    unreadable: dict[Path, str] = {}
    for path in paths:
        try:
            taken.append(take(lake, path, venue, name=_name(path)))
        except UnreadableInput as error:
            unreadable[path] = str(error)
            path.rename(path.with_name(path.name + ".unreadable"))
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
