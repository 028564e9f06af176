"""Gather what the checks may look at of one partition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl

from crypto_assets.checks.day import Day, SealedFile
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import hash_of, readable
from crypto_assets.lake.lake import Lake, read_sidecar, sidecar_of
from crypto_assets.lake.parquet import read_footer
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.interval import Interval
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS
from crypto_assets.pipeline.edges import neighbour
from crypto_assets.pipeline.elsewhere import elsewhere
from crypto_assets.pipeline.exchange_info import rules_of
from crypto_assets.pipeline.listings import is_first, republished
from crypto_assets.pipeline.steps import bars_again
from crypto_assets.transforms.rollup import roll_up
from crypto_assets.venues import venue


def day_of(lake: Lake, partition: Partition) -> Day:
    """Gather a partition's summaries and neighbours: enough to conclude, no rows scanned."""
    exchange = venue(partition.instrument.venue)
    return Day(
        partition=partition,
        numbering=exchange.numbering,
        klines_open_at_last_close=exchange.klines_open_at_last_close,
        trades_summary=lake.summary("raw_trades", partition)
        or lake.manifest("daily_trades", partition),
        trade_parts=tuple(
            part.manifest
            for part in lake.parts("raw_trades", partition) or lake.parts("daily_trades", partition)
        ),
        quotes_summary=lake.summary("raw_quotes", partition),
        quote_parts=tuple(part.manifest for part in lake.parts("raw_quotes", partition)),
        aggregate_parts=tuple(part.manifest for part in lake.parts("agg_trades", partition)),
        bars_summary=lake.manifest("bars_1s", partition),
        previous=neighbour(lake, partition.previous),
        next=neighbour(lake, partition.next),
        is_first=is_first(lake, partition),
    )


def judged_day(lake: Lake, asset: str, partition: Partition) -> Day:
    """Gather everything the checks of one asset need of a partition."""
    table = ASSETS[asset].table.name
    day = replace(
        day_of(lake, partition),
        trades=_scan(lake, asset if asset == "daily_trades" else "raw_trades", partition),
        quotes=_scan(lake, asset if asset == "daily_quotes" else "raw_quotes", partition),
        klines=_scan(lake, "klines", partition),
        aggregates=_scan(lake, "agg_trades", partition),
        rules=rules_of(lake, partition),
    )
    if asset == "raw_trades" and day.trades is not None:
        day = replace(
            day,
            elsewhere=elsewhere(lake, partition, day.trades),
            republished=republished(lake, partition, day.trade_parts),
        )
    if table == "bars":
        hot = _scan(lake, asset, partition)
        day = replace(day, bars=hot, rolled=_rolled(hot, day.klines))
        if asset == "bars_1s":
            day = replace(day, rebuilt_bars_hash=_rebuilt_hash(lake, partition))
    if ASSETS[asset].is_sealed and lake.manifest(asset, partition) is not None:
        day = replace(
            day,
            sealed={asset: sealed_file(lake, asset, partition)},
            trades_summary=_valued(lake, "raw_trades", partition, day.trades_summary),
            quotes_summary=_valued(lake, "raw_quotes", partition, day.quotes_summary),
        )
    return day


def _valued(
    lake: Lake,
    asset: str,
    partition: Partition,
    summary: Manifest | None,
) -> Manifest | None:
    """Give a summary of several parts the logical hash of their rows merged."""
    if summary is None or len(lake.layout.files(asset, partition)) < 2:  # noqa: PLR2004 - several
        return summary
    found = hash_of(lake.scan(asset, partition), ASSETS[asset].table)
    return msgspec.structs.replace(summary, logical_hash=found)


def _scan(lake: Lake, asset: str, partition: Partition) -> pl.LazyFrame | None:
    return lake.scan(asset, partition) if lake.layout.files(asset, partition) else None


def _rolled(hot: pl.LazyFrame | None, klines: pl.LazyFrame | None) -> dict[str, pl.LazyFrame]:
    if hot is None:
        return {}
    intervals = {Interval.MINUTE}
    if klines is not None:
        with readable("klines"):
            names = klines.select(pl.col("interval").unique()).collect()["interval"]
        intervals |= {Interval(name) for name in names}
    return {
        interval.value: hot if interval is Interval.SECOND else roll_up(hot, interval)
        for interval in intervals
    }


def _rebuilt_hash(lake: Lake, partition: Partition) -> str | None:
    """Compute the bars a second time and hash them."""
    made = lake.manifest("bars_1s", partition)
    if made is None or not lake.layout.files("raw_trades", partition):
        return None
    upstream = {
        asset: lake.scan(asset, partition)
        for asset in ASSETS["bars_1s"].upstream
        if lake.layout.files(asset, partition)
    }
    draft = bars_again(lake, partition, upstream, made)
    assert isinstance(draft.rows, pl.LazyFrame)  # noqa: S101 - bars are computed
    return hash_of(draft.rows, BARS)


def sealed_file(lake: Lake, asset: str, partition: Partition) -> SealedFile:
    """Read the facts of a sealed file back from the disk, its bytes and values hashed anew."""
    path = lake.layout.file(asset, partition)
    footer = read_footer(path)
    return SealedFile(
        manifest=footer.manifest,
        schema=footer.schema,
        rows=footer.rows,
        row_group_keys=footer.row_group_keys,
        sha256=sha256_of(path),
        sidecar_sha256=read_sidecar(path),
        logical_hash=hash_of(path, ASSETS[asset].table),
        neighbours=_beside(path),
    )


def _beside(path: Path) -> tuple[str, ...]:
    expected = {path.name, sidecar_of(path).name}
    names = {found.name for found in path.parent.iterdir()}
    return tuple(sorted(names - expected))
