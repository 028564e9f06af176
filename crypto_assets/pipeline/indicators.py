"""Indicators and the volume profile of a day, made of whatever is stored of it.

They are beside a day's own assets: nothing is built on them, and what is wrong with them holds no
day back. Their checks' answers are told and not kept.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from crypto_assets.checks.day import Day
from crypto_assets.checks.evaluate import evaluate
from crypto_assets.errors import NothingStored, UnreadableInput
from crypto_assets.lake.draft import Draft, readable
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.lake.parts import digest_of
from crypto_assets.model.assets import STORED
from crypto_assets.model.indicator import WARM_UP_DAYS
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.exchange_info import rules_of
from crypto_assets.pipeline.verdicts import failure
from crypto_assets.pipeline.views import asset_of
from crypto_assets.transforms.indicators import indicators
from crypto_assets.transforms.volume_profile import bin_width, last_places, volume_profile

INDICATORS, PROFILE = "indicators", "volume_profile"
DERIVED = (INDICATORS, PROFILE)
"""The assets made here."""
_BARS, _TRADES = "bars_1s", "trades"


def build(lake: Lake, asset: str, partition: Partition) -> Committed:
    """Make one of :data:`DERIVED` of a day and commit it; what is up to date is left alone.

    Raises:
        NothingStored: no bars, or no trades, of that day are stored.
        UnreadableInput: a file is damaged.
    """
    with lake.building(asset, partition):
        parents = _parents(lake, asset, partition)
        for stored in lake.stored(asset, partition):
            manifest = stored.manifest
            is_current = manifest.schema_version == STORED[asset].table.version
            if is_current and manifest.parents == parents:
                return stored
        with readable(f"{asset} of {partition}"):
            rows = (
                _indicators(lake, partition) if asset == INDICATORS else _profile(lake, partition)
            )
        return lake.commit(asset, partition, Draft(rows=[rows], parents=parents))


def _indicators(lake: Lake, partition: Partition) -> pl.DataFrame:
    before = [lake.scan(source, day) for source, day in _before(lake, partition)]
    return indicators(lake.scan(_source(lake, _BARS, partition), partition), before, partition)


def _profile(lake: Lake, partition: Partition) -> pl.DataFrame:
    trades = lake.scan(_source(lake, _TRADES, partition), partition)
    price = pl.col("price")
    low, high = trades.select(low=price.min(), high=price.max()).collect(engine="streaming").row(0)
    tick_size = rules_of(lake, partition).tick_size or last_places(trades)
    width = bin_width(low or Decimal(0), high or Decimal(0), tick_size)
    return volume_profile(trades, width)


def _before(lake: Lake, partition: Partition) -> list[tuple[str, Partition]]:
    """Find the bars of the days before, as far as one follows on the other, ascending."""
    found: list[tuple[str, Partition]] = []
    for back in range(1, WARM_UP_DAYS + 1):
        day = Partition(partition.instrument, partition.date - dt.timedelta(days=back))
        stored = asset_of(lake, _BARS, day)
        if stored is None:
            break
        found.append((stored, day))
    return found[::-1]


def _source(lake: Lake, view: str, partition: Partition) -> str:
    found = asset_of(lake, view, partition)
    if found is None:
        raise NothingStored(f"{view} of {partition}: nothing is stored, build the day first")
    return found


def _parents(lake: Lake, asset: str, partition: Partition) -> dict[str, str]:
    """Name what an asset is made of by its values: equal parents make equal rows."""
    if asset == PROFILE:
        parts = lake.parts(_source(lake, _TRADES, partition), partition)
        tick_size = rules_of(lake, partition).tick_size
        return {"trades": digest_of(parts), "tick_size": str(tick_size)}
    days = [*_before(lake, partition), (_source(lake, _BARS, partition), partition)]
    return {
        f"bars {day.date.isoformat()}": digest_of(lake.parts(source, day)) for source, day in days
    }


def judge(lake: Lake, asset: str, partition: Partition) -> tuple[Verdict, ...]:
    """Judge a stored day of one of :data:`DERIVED` by every check about it."""
    try:
        return evaluate(asset, _judged_day(lake, asset, partition))
    except UnreadableInput as error:
        return (failure(asset, error),)


def _judged_day(lake: Lake, asset: str, partition: Partition) -> Day:
    rows = lake.scan(asset, partition) if lake.layout.files(asset, partition) else None
    manifest = lake.manifest(asset, partition)
    bars = asset_of(lake, _BARS, partition)
    outdated: tuple[str, ...] | None = None
    if manifest is not None:
        try:
            now = _parents(lake, asset, partition)
        except NothingStored:
            now = {}
        differing = {*now.items()} ^ {*manifest.parents.items()}
        outdated = tuple(sorted({name for name, _ in differing}))
    return Day(
        partition=partition,
        bars=lake.scan(bars, partition) if bars else None,
        indicators=rows if asset == INDICATORS else None,
        profile=rows if asset == PROFILE else None,
        outdated=outdated,
    )
