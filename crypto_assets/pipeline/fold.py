"""Fold the many small parts of a recorded day into few, so that reading it stays quick.

A segment makes a part of every symbol it recorded: two thousand a day; trades fetched every five
minutes make three hundred. Sixteen parts of about a
size are made into one that holds the same rows and names the same inputs, and so on upwards, as in
a log-structured merge tree. The new part is committed first; those it replaces are not read any
more from then on (:meth:`Lake.parts` leaves out what another part holds), and removed once whoever
began to read them before has ended.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import Part, scan_parts, summarise
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Range
from crypto_assets.model.partition import Partition

FAN = 16
"""So many parts become one."""
_FOLDED = {"stream", "rest"}
GRACE_US = 10 * 60 * 1_000_000
"""A part that was replaced is kept for so long."""


def fold(lake: Lake, asset: str, partition: Partition, now_us: int) -> None:
    """Fold what may be folded of a partition, and remove what was replaced long enough ago.

    Recordings of streams are folded, and what was fetched by id, each among themselves. An
    archive's file is one part already, and proves something as it is.
    """
    sweep(lake, asset, partition, now_us)
    while group := _due(lake.parts(asset, partition)):
        table = ASSETS[asset].table
        whole = summarise(group, table)
        draft = Draft(
            rows=scan_parts(group, table),
            name=_name(group),
            inputs=whole.inputs,
            duplicates=whole.duplicates,
            conflicts=whole.conflicts,
            disordered=whole.disordered,
            unreadable=whole.unreadable,
            recorded=whole.recorded,
            numbering=whole.numbering,
        )
        lake.commit(asset, partition, draft)


def sweep(lake: Lake, asset: str, partition: Partition, now_us: int) -> None:
    """Remove the parts that others have held for long enough."""
    for replaced, by in lake.replaced(asset, partition):
        if by.path.stat().st_mtime_ns // 1000 + GRACE_US <= now_us:
            replaced.path.unlink(missing_ok=True)


def _due(parts: Sequence[Part]) -> list[Part]:
    """The oldest parts of a size of which there are enough; none where there are not."""
    by_level: defaultdict[tuple[int, str], list[Part]] = defaultdict(list)
    for part in parts:
        inputs = part.manifest.inputs
        sources = {entry.source for entry in inputs}
        for source in sources & _FOLDED if len(sources) == 1 else ():
            by_level[_level(len(inputs)), source].append(part)
    for _, found in sorted(by_level.items()):
        if len(found) >= FAN:
            return sorted(found, key=_age)[:FAN]
    return []


def _age(part: Part) -> tuple[Sequence[Range], Range, str]:
    return part.manifest.recorded, part.span, part.path.name


def _level(inputs: int) -> int:
    level = 0
    while inputs >= FAN:
        inputs //= FAN
        level += 1
    return level


def _name(group: Sequence[Part]) -> str:
    """Name a folded part by its inputs: folding the same again gives the same file."""
    inputs = sorted(entry.sha256 for part in group for entry in part.manifest.inputs)
    return f"folded-{hashlib.sha256(' '.join(inputs).encode()).hexdigest()[:16]}"
