"""Make one asset of a partition: hold back, make, store, judge.

What Dagster calls, and what makes every number without it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps, ingest
from crypto_assets.pipeline.fold import sweep
from crypto_assets.pipeline.published import Archive, Outcome, Watch, ignore, take_published
from crypto_assets.pipeline.steps import STEPS, Made
from crypto_assets.pipeline.verdicts import conclude_day, fail, hold_back, judge

RAW = ("raw_trades", "raw_quotes", "klines")
"""The assets whose parts are made of imported files."""
LEDGERS = ("verdicts", "gaps", "revisions")
"""The assets that tell of a day: nothing is computed from them, and no check judges them."""


def frames_upstream(lake: Lake, asset: str, partition: Partition) -> dict[str, pl.LazyFrame]:
    """Scan what a partition of an asset is computed from, as far as it is stored."""
    return {
        parent: lake.scan(parent, partition)
        for parent in ASSETS[asset].upstream
        if lake.layout.files(parent, partition)
    }


def make(
    lake: Lake,
    asset: str,
    partition: Partition,
    upstream: Mapping[str, pl.LazyFrame],
) -> list[Made]:
    """Make a partition of an asset unless failed checks upstream forbid it.

    Raises:
        Blocked: a failed check upstream keeps it from being made.
        CryptoAssetsError: it cannot be made.
    """
    if asset == "verdicts":
        conclude_day(lake, partition)
        return list(lake.stored(asset, partition))
    if asset == "gaps":
        gaps.refresh(lake, partition, time.time_ns() // 1000)
        return list(lake.stored(asset, partition))
    if asset == "revisions":
        return list(lake.stored(asset, partition))
    hold_back(lake, asset, partition)
    return STEPS[asset](lake, partition, upstream)


def build(
    lake: Lake,
    partitions: Iterable[Partition],
    archive: Archive | None = None,
) -> None:
    """Make every asset of partitions, one asset after the other, as a backfill does.

    What is published of them and not here yet is taken from an archive, where one is given. A
    partition that cannot be made keeps its reason as a verdict and goes no further.
    """
    wanted = list(partitions)
    for asset in ASSETS:
        prepare(lake, asset, wanted, archive)
        for partition in wanted:
            build_asset(lake, asset, partition)


def prepare(
    lake: Lake,
    asset: str,
    partitions: Sequence[Partition],
    archive: Archive | None = None,
    watch: Watch = ignore,
) -> list[Outcome]:
    """Take what is published of partitions and not here yet, decode again what is gone, tidy up.

    Nothing is asked for without an archive. Gives what came of each file that was wanted.
    """
    outcomes: list[Outcome] = []
    if asset in RAW:
        if archive is not None:
            outcomes = take_published(lake, asset, partitions, archive, watch)
        ingest.refresh(lake, asset, partitions)
        for partition in partitions:
            sweep(lake, asset, partition, time.time_ns() // 1_000)
    return outcomes


def build_asset(lake: Lake, asset: str, partition: Partition) -> list[Committed]:
    """Make, store and judge one partition of an asset; an error becomes a verdict."""
    try:
        with lake.building(asset, partition):
            made = make(lake, asset, partition, frames_upstream(lake, asset, partition))
            stored = [lake.store(asset, partition, one) for one in made]
    except CryptoAssetsError as error:
        give_up(lake, asset, partition, error)
        return []
    if asset not in LEDGERS and stored:
        judge(lake, asset, partition)
    return stored


def build_assets(
    lake: Lake,
    assets: Iterable[str],
    partitions: Sequence[Partition],
) -> Iterator[tuple[str, Partition]]:
    """Make some assets of partitions, in their order; give those of which something is stored."""
    for asset in assets:
        for partition in partitions:
            if build_asset(lake, asset, partition):
                yield asset, partition


def give_up(lake: Lake, asset: str, partition: Partition, error: CryptoAssetsError) -> None:
    """Keep why a partition could not be made, and conclude its day: nothing after it will."""
    fail(lake, asset, partition, error)
    conclude_day(lake, partition)
