"""What is read of a day: its sealed file where it has one, its hot files elsewhere, never both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crypto_assets.lake.draft import scan_files
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import overlaps
from crypto_assets.model.assets import STORED
from crypto_assets.model.partition import Partition

VIEWS = {
    "trades": ("daily_trades", "raw_trades"),
    "quotes": ("daily_quotes", "raw_quotes"),
    "bars_1s": ("daily_bars", "bars_1s"),
    "klines": ("klines",),
    "agg_trades": ("agg_trades",),
    "ohlcv": ("ohlcv",),
    "indicators": ("indicators",),
    "volume_profile": ("volume_profile",),
    "price_snapshots": ("price_snapshots",),
    "verdicts": ("verdicts",),
    "gaps": ("gaps",),
    "revisions": ("revisions",),
}
"""Each view with the assets it reads: the first of them that a partition has."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a view reads of one partition: files as they lie, or a frame that merges them."""

    asset: str
    partition: Partition
    files: tuple[Path, ...] = ()
    """In the order of their rows, sharing none."""
    merged: pl.LazyFrame | None = None
    """Where parts may share ids: each once, ascending."""

    @property
    def is_sealed(self) -> bool:
        """Whether it is the day's one proven file."""
        return STORED[self.asset].is_sealed

    def scan(self) -> pl.LazyFrame:
        """Read it lazily, with the table's columns."""
        return scan_files(self.files) if self.merged is None else self.merged


def every_day(lake: Lake, view: str) -> Iterator[Held]:
    """Find what a view reads of every partition stored, sealed ones first."""
    seen: set[Partition] = set()
    for asset in VIEWS[view]:
        for partition in lake.layout.partitions(asset):
            if partition not in seen:
                seen.add(partition)
                yield _held(lake, asset, partition)


def asset_of(lake: Lake, view: str, partition: Partition) -> str | None:
    """Choose what a view reads of one partition, None where nothing of it is stored."""
    return next((asset for asset in VIEWS[view] if lake.layout.files(asset, partition)), None)


def day(lake: Lake, view: str, partition: Partition) -> Held | None:
    """Find what a view reads of one partition, None where nothing of it is stored.

    Raises:
        UnreadableInput: a part's manifest cannot be read, where there are several.
    """
    asset = asset_of(lake, view, partition)
    return None if asset is None else _held(lake, asset, partition)


def _held(lake: Lake, asset: str, partition: Partition) -> Held:
    found = lake.layout.files(asset, partition)
    if STORED[asset].table.id is None or len(found) == 1:
        return Held(asset, partition, tuple(found))
    parts = lake.parts(asset, partition)
    if overlaps(parts):
        return Held(asset, partition, merged=lake.scan(asset, partition))
    return Held(asset, partition, tuple(p.path for p in sorted(parts, key=lambda p: p.span)))
