"""What a run that was not asked for assets tells of those it made on its way."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from crypto_assets.checks import catalogue
from crypto_assets.defs.checks import evaluations_of
from crypto_assets.defs.metadata import of_files, of_gaps
from crypto_assets.defs.partitions import key_of, symbol_key, symbols
from crypto_assets.doors.exchanges import now_us
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.build import build_assets

LIVE = ("raw_trades", "raw_quotes", "bars_1s", "gaps")
"""What is made of a day while it goes on: everything before its sealed files."""

_SETTLED_US = 90 * 60 * 1_000_000
"""So long after its end a day is sealed anew when it is touched; before, the schedule does it."""

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def know(instance: dg.DagsterInstance, days: Iterable[Partition]) -> None:
    """Add the symbols of days to the partitions."""
    found = sorted({symbol_key(day.instrument) for day in days})
    instance.add_dynamic_partitions(symbols.name or "", found)


def refresh(
    lake: Lake,
    assets: Iterable[str],
    days: Sequence[Partition],
    checks: Iterable[str],
) -> Iterator[Event]:
    """Make assets of days, and tell of each that was made and of some of its checks."""
    told = set(checks)
    for asset, partition in build_assets(lake, assets, days):
        files = lake.stored(asset, partition)
        metadata = of_files(files, ASSETS[asset].table)
        if asset == "gaps":
            metadata |= of_gaps(lake, partition)
        yield dg.AssetMaterialization(asset, partition=key_of(partition), metadata=metadata)
        stored = verdicts.read(lake, partition)
        found = [v for v in (stored.verdicts if stored else ()) if v.asset == asset]
        yield from evaluations_of(partition, [v for v in found if v.check in told])


def refresh_touched(lake: Lake, days: Iterable[Partition]) -> Iterator[Event]:
    """Make what there should be of days that got new parts, and tell of every check.

    That is what is made while a day goes on, and everything of one that is long over.
    """
    for day in sorted(days):
        is_over = day.end_us + _SETTLED_US < now_us()
        yield from refresh(lake, tuple(ASSETS) if is_over else LIVE, [day], catalogue())
