"""What the demo does to its lakes, shown while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crypto_assets.demo import proof
from crypto_assets.demo.teller import Teller
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import DayStatus, status_of


def import_(teller: Teller, lake: Lake, paths: Sequence[Path]) -> None:
    """Take recordings into a lake."""
    with teller.progress() as bar:
        task = bar.add_task("importing", total=len(paths))
        for path in paths:
            bar.update(task, description=f"importing {path.name}")
            taken = take(lake, path)
            bar.advance(task)
            rows = sum(landed.rows for landed in taken.record.landed)
            note = "" if taken.is_new else ", there already"
            teller.line(f"{path.name:<32} {rows:>6,} rows{note}")


def build(teller: Teller, lake: Lake, partitions: Sequence[Partition]) -> list[str]:
    """Build through Dagster in this process; give what failed there, faults of days included."""
    # Importing Dagster takes a second or two: after the first lines are shown.
    from crypto_assets.defs.inprocess import build as run

    with teller.progress() as bar:
        total = len(ASSETS) * len(partitions)
        task = bar.add_task("building", total=total)

        def watch(asset: str, partition: Partition) -> None:
            symbol = partition.instrument.symbol
            bar.update(task, advance=1, description=f"{asset} {symbol} {partition.date}")

        # What it tells is of the recordings it brings along, and needs no network.
        failures = run(lake, partitions, watch, asks_archive=False)
        bar.update(task, completed=total)
    return failures


def known(lake: Lake, days: Sequence[Partition]) -> list[tuple[DayStatus, int]]:
    """Say what is known of days, and how many of their trades are known to be missing."""
    return [(status_of(lake, day), proof.known_missing(lake, day)) for day in days]
