"""The ledger of what an exchange changed in files that had been taken already."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crypto_assets.errors import NothingStored
from crypto_assets.lake import atomic
from crypto_assets.lake.draft import BATCH_ROWS, Draft, readable, scan_files
from crypto_assets.lake.inputs import Landed, Record
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import REVISIONS, Table
from crypto_assets.transforms.difference import Difference, difference

_COMPARED = ("raw_trades",)
_RANGES_LISTED = 1_000


def read(lake: Lake, partition: Partition) -> pl.DataFrame:
    """Read a day's revisions, in order of time; none where its files were never changed.

    Raises:
        UnreadableInput: the ledger is damaged.
    """
    try:
        with readable(f"revisions of {partition}"):
            return lake.scan("revisions", partition).collect()
    except NothingStored:
        return REVISIONS.schema.to_frame()


def set_aside(lake: Lake, record: Record, beside: Path) -> None:
    """Keep the parts of an input that is about to be replaced, until they were compared.

    Parts that a killed replacement set aside before are the ones to compare with.
    """
    for landed, path in _parts(lake, record):
        aside = beside / _aside(landed)
        if path.exists() and not aside.exists():
            atomic.link(path, aside)


def note(lake: Lake, old: Record, new: Record, beside: Path) -> None:
    """Write into the ledger what a new version of an input changed, day by day, once."""
    days = {(one.asset, one.symbol, one.date) for one in (*old.landed, *new.landed)}
    for asset, symbol, date in sorted(days):
        if asset in _COMPARED:
            day = Partition.of(new.venue, symbol, date)
            before = [beside / _aside(one) for one in _of(old, asset, symbol, date)]
            after = [
                lake.layout.file(asset, day, one.part) for one in _of(new, asset, symbol, date)
            ]
            found = _compare(before, after, ASSETS[asset].table)
            _keep(lake, day, _Revision(old, new, found))
    forget(beside)


def forget(beside: Path) -> None:
    """Remove what was set aside: nothing took its place, or it was compared."""
    shutil.rmtree(beside, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Revision:
    """One replacement of an input, as far as one day goes."""

    old: Record
    new: Record
    found: Difference


def _of(record: Record, asset: str, symbol: str, date: str) -> list[Landed]:
    wanted = (asset, symbol, date)
    return [one for one in record.landed if (one.asset, one.symbol, one.date) == wanted]


def _parts(lake: Lake, record: Record) -> Iterator[tuple[Landed, Path]]:
    for one in record.landed:
        if one.asset in _COMPARED:
            day = Partition.of(record.venue, one.symbol, one.date)
            yield one, lake.layout.file(one.asset, day, one.part)


def _aside(landed: Landed) -> str:
    return f"{landed.asset}-{landed.symbol}-{landed.date}.parquet"


def _compare(before: Sequence[Path], after: Sequence[Path], table: Table) -> Difference:
    """Compare two files of a day in windows of ids, so that few rows are held at a time."""
    sides = [_scanned(paths, table) for paths in (before, after)]
    with readable("a revised file"):
        keys = [side.select(pl.col(table.id or "")).collect().to_series() for side in sides]
        ids = pl.concat(keys).unique().sort()
        found = Difference()
        for start in range(0, len(ids), BATCH_ROWS):
            window = ids.slice(start, BATCH_ROWS)
            within = pl.col(table.id or "").is_between(window[0], window[-1])
            old, new = pl.collect_all([side.filter(within) for side in sides])
            found |= difference(old, new, table)
    return found


def _scanned(paths: Sequence[Path], table: Table) -> pl.LazyFrame:
    there = [path for path in paths if path.exists()]
    rows = scan_files(there) if there else table.schema.to_frame().lazy()
    return rows.select(table.hashed)


def _keep(lake: Lake, day: Partition, revision: _Revision) -> None:
    old, new, found = revision.old, revision.new, revision.found
    with atomic.locked(lake.layout.directory("revisions", day)):
        known = read(lake, day)
        same = (pl.col("old_sha256") == old.sha256) & (pl.col("new_sha256") == new.sha256)
        # Killed after it was noted, the replacement is made once more.
        known = known.filter(~((pl.col("input") == new.name) & same))
        row = pl.DataFrame(
            [
                {
                    "input": new.name,
                    "ts_found": time.time_ns() // 1_000,
                    "old_sha256": old.sha256,
                    "new_sha256": new.sha256,
                    "added": len(found.added),
                    "removed": len(found.removed),
                    "changed": len(found.changed),
                    "evidence": json.dumps(
                        {
                            "added": _listed(found.added),
                            "removed": _listed(found.removed),
                            "changed": _listed(found.changed),
                        },
                    ),
                },
            ],
        ).cast(REVISIONS.schema)
        rows = pl.concat([known, row]).sort("ts_found", "input")
        lake.commit("revisions", day, Draft(rows=[rows]))


def _listed(ids: Coverage) -> list[list[int]]:
    return [list(found) for found in ids.ranges[:_RANGES_LISTED]]
