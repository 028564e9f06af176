"""What a trial must be able to show in the end."""

from __future__ import annotations

import contextlib
import hashlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.draft import hash_of, read_back
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parquet import read_manifest
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.pipeline.heal import Doors
from crypto_assets.pipeline.verify import verify
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory

_GROWTH, _SLACK_MB = 1.2, 20.0


@dataclass(frozen=True, slots=True)
class Held:
    """What a lake holds of one symbol's trades, told in three ways that must agree."""

    coverage: Coverage
    """By the manifests."""
    summarised: int
    """Rows as the parts' summaries count them, each id once."""
    rows: int
    """Rows as they are read."""
    unique: int
    """Different ids among them."""
    conflicts: int
    """Ids that were seen with different contents."""
    duplicates: int
    """Rows that were there already."""
    disordered: int
    """Rows that came behind one of a higher id."""


def held(lake: Lake, symbol: str) -> Held:
    """Look at all days of a symbol."""
    days = list(lake.layout.partitions("raw_trades", symbol))
    found = [summary for day in days if (summary := lake.summary("raw_trades", day)) is not None]
    ids = pl.concat([lake.scan("raw_trades", day).select("trade_id") for day in days]).collect()
    return Held(
        coverage=Coverage.of(span for day in days for span in lake.coverage(day).ranges),
        summarised=sum(summary.rows for summary in found),
        rows=ids.height,
        unique=ids["trade_id"].n_unique(),
        conflicts=sum(len(summary.conflicts) for summary in found),
        duplicates=sum(summary.duplicates for summary in found),
        disordered=sum(summary.disordered for summary in found),
    )


def not_exactly_once(found: Held, issued: Range) -> list[str]:
    """Say in which ways a lake does not hold every id that was issued exactly once."""
    first, last = issued
    count, wanted = last - first + 1, Coverage.of([issued])
    faults = []
    if lost := (wanted - found.coverage).ranges:
        faults.append(f"expected the ids {first} to {last}, {lost} are missing")
    if foreign := (found.coverage - wanted).ranges:
        faults.append(f"expected the ids {first} to {last}, {foreign} were never issued")
    for how, counted in (
        ("summarised", found.summarised),
        ("read", found.rows),
        ("different", found.unique),
    ):
        if counted != count:
            faults.append(f"expected {count} rows, found {counted} {how}")
    if found.conflicts:
        faults.append(f"expected one content for each id, found {found.conflicts} with several")
    return faults


def plateaus(mb: Sequence[float]) -> tuple[float, float]:
    """Give the medians of the second and of the last fifth of samples of memory."""
    fifth = len(mb) // 5
    if not fifth:
        raise ValueError(f"expected five samples of memory or more, found {len(mb)}")
    return statistics.median(mb[fifth : 2 * fifth]), statistics.median(mb[-fifth:])


def is_flat(mb: Sequence[float]) -> bool:
    """Whether memory has stopped growing by the second fifth, but for a fifth of it and 20 MB."""
    early, late = plateaus(mb)
    return late <= early * _GROWTH + _SLACK_MB


def files(root: Path) -> dict[str, str]:
    """Hash every file of a directory."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def values(lake: Lake) -> dict[str, str]:
    """Hash the values of every partition of what is made of trades and quotes, each key once."""
    return {
        f"{asset.name} {partition}": hash_of(lake.scan(asset.name, partition), asset.table)
        for asset in ASSETS.values()
        # Verdicts and gaps tell of the way, not only of what there is.
        if asset.name not in ("verdicts", "gaps")
        for partition in lake.layout.partitions(asset.name)
    }


def torn(lake: Lake) -> Iterator[str]:
    """Say which committed files are not what their manifest says; true at every moment."""
    for asset in ASSETS.values():
        for partition in lake.layout.partitions(asset.name):
            for path in lake.layout.files(asset.name, partition):
                try:
                    read_back(path, asset.table, read_manifest(path))
                except CryptoAssetsError as error:
                    yield f"{lake.layout.relative(path)}: {error}"


def left_over(lake: Lake) -> Iterator[str]:
    """Say what killed processes left that is in somebody's way."""
    for path in sorted(lake.layout.root.rglob("*")):
        # A dead session's half heartbeat is in its own directory, where nobody comes again.
        if path.name.endswith(".open") or (path.name[0] == "." and path.name != ".status.json.tmp"):
            yield lake.layout.relative(path)


def damage(lake: Lake) -> list[str]:
    """Say everything that must not be in a lake whose processes have all ended by themselves."""
    faults = list(torn(lake))
    faults += [f"{name}: expected nothing that is unfinished" for name in left_over(lake)]
    faults += [f"{one.path}: {one.fault}" for one in verify(lake) if one.fault is not None]
    return faults


def doors_of(url: str) -> Doors:
    """Where missing trades are asked for, with no limit of weight."""
    history = TradeHistory(url, Budget(limit=10**9))
    return Doors(history, None, time.sleep, lambda: time.time_ns() // 1000)


@contextlib.contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Say with a failure how to let chance do the same again."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the same chances again: --seed {seed}")
        raise
