"""What every view reads of the lake at one moment, and what is known of the days it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crypto_assets.lake.frozen import Taken
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import chains
from crypto_assets.model.assets import STORED
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.completeness import Completeness, completeness_of
from crypto_assets.pipeline.status import known_partitions
from crypto_assets.pipeline.views import VIEWS
from crypto_assets.sinks.views import ALONE, SHARED

_PROVEN_VIEWS = ("trades", "bars_1s")
"""The views of which ``completeness`` speaks."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class ToFreeze:
    """Files by view, under the names they are to have, and what is known of days."""

    files: Mapping[str, Sequence[Taken]]
    days: Sequence[Completeness]


def to_freeze(lake: Lake) -> ToFreeze:
    """Look at the whole lake: of a partition the sealed file, elsewhere its hot ones.

    What is known of a day was found out while the files of its trades and bars stayed as they are
    given here; a day that never stood still is not said to be proven.

    Raises:
        UnreadableInput: several parts of a partition cannot be told apart, for one is damaged.
        FileNotFoundError: a file was removed meanwhile: look again.
    """
    files: dict[str, list[Taken]] = {name: [] for name in VIEWS}
    days: list[Completeness] = []
    for partition in known_partitions(lake):
        found, known = _settled(lake, partition)
        days.append(known)
        for name, taken in found.items():
            files[name].extend(taken)
    for name, assets in VIEWS.items():
        if name not in _PROVEN_VIEWS:
            every = {one for asset in assets for one in lake.layout.partitions(asset)}
            for partition in sorted(every):
                files[name].extend(_taken(lake, assets, partition))
    files["listings"] = [
        Taken.of(str(Path(ALONE, *path.parts[-3:])), path) for path in lake.layout.listed()
    ]
    return ToFreeze(files, days)


def _settled(lake: Lake, partition: Partition) -> tuple[dict[str, list[Taken]], Completeness]:
    """Find the files of a day, and what is known of just these."""
    found = {name: _taken(lake, VIEWS[name], partition) for name in _PROVEN_VIEWS}
    for _ in range(_TRIES):
        known = completeness_of(lake, partition)
        before, found = found, {n: _taken(lake, VIEWS[n], partition) for n in _PROVEN_VIEWS}
        if found == before:
            return found, known
    restless = replace(known.trades, is_complete=False, why="it changes while it is looked at")
    return found, Completeness(restless, known.is_sealed, bars_are_proven=False)


def _taken(lake: Lake, assets: Sequence[str], partition: Partition) -> list[Taken]:
    """Find what a view reads of a partition; parts that share ids are ranked by their trust."""
    for asset in assets:
        paths = lake.layout.files(asset, partition)
        if not paths:
            continue
        if STORED[asset].table.id is None or len(paths) == 1:
            return [_named(ALONE, partition, 0, path) for path in paths]
        found: list[Taken] = []
        for chain in chains(lake.parts(asset, partition)):
            kind = ALONE if len(chain) == 1 else SHARED
            ranked = enumerate(sorted(chain, key=lambda part: part.trust))
            found.extend(_named(kind, partition, rank, part.path) for rank, part in ranked)
        return found
    return []


def _named(kind: str, partition: Partition, rank: int, path: Path) -> Taken:
    venue, symbol = partition.instrument.venue, partition.instrument.symbol
    directory = Path(kind, f"venue={venue}", f"symbol={symbol}", f"date={partition.date}")
    return Taken.of(str(directory / f"{rank:06d}-{path.name}"), path)
