"""What is told of one symbol on one day: gathered and decided, drawn by the sinks."""

from __future__ import annotations

import contextlib

import polars as pl

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.gap import Gap
from crypto_assets.model.interval import SECOND_US, Interval, length_of
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import Curves, DayReport, FileFact, Sizes
from crypto_assets.model.tables import BARS, KLINES, TIME
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.curves import curves_of, profile_of
from crypto_assets.pipeline.facts import facts_of
from crypto_assets.pipeline.marks import marks_of
from crypto_assets.pipeline.status import status_of
from crypto_assets.transforms.rollup import roll_up
from crypto_assets.transforms.trade_sizes import trade_sizes


def report_of(lake: Lake, partition: Partition) -> DayReport:
    """Gather what is told of a day; a damaged file is told by the verdicts and not drawn."""
    day, stored = status_of(lake, partition), verdicts.glance(lake, partition)
    files = _sealed(lake, partition)
    ids = None
    if day.first_trade_id is not None and day.last_trade_id is not None:
        ids = (day.first_trade_id, day.last_trade_id)
    drawn, step_us, bars = "", 0, None
    with contextlib.suppress(UnreadableInput):
        drawn, step_us, bars = _bars(lake, partition)
    found = _gaps(lake, partition)
    own = bars if drawn != "klines" else None
    return DayReport(
        partition=partition,
        condition=Condition(day.condition),
        rows=day.rows,
        ids=ids,
        missing=day.missing,
        duplicates=day.duplicates,
        unreadable=day.unreadable,
        sources=day.sources,
        facts=facts_of(lake, partition, day, stored.verdicts),
        files=files,
        checks=stored.verdicts,
        gaps=found,
        marks=marks_of(
            partition,
            Condition(day.condition),
            found,
            day.missing,
            stored.verdicts,
            own,
        ),
        drawn=drawn,
        step_us=step_us,
        bars=bars,
        hours=_hours(bars),
        sizes=_sizes(lake, partition),
        curves=_curves(lake, partition, own),
        profile=None if own is None else profile_of(lake, partition, own),
    )


def _curves(lake: Lake, partition: Partition, bars: pl.DataFrame | None) -> list[Curves]:
    if bars is not None:
        with contextlib.suppress(UnreadableInput):
            return curves_of(lake, partition, bars)
    return []


def _gaps(lake: Lake, partition: Partition) -> list[Gap]:
    with contextlib.suppress(UnreadableInput):
        return gaps.read(lake, partition)
    return []


def _sealed(lake: Lake, partition: Partition) -> list[FileFact]:
    """Hash every sealed file of a day again and read what its footer says."""
    found: list[FileFact] = []
    for asset in (name for name, kind in ASSETS.items() if kind.is_sealed):
        path = lake.layout.file(asset, partition)
        with contextlib.suppress(UnreadableInput):
            manifest = lake.manifest(asset, partition)
            if manifest is None:
                continue
            sha256 = sha256_of(path)
            found.append(
                FileFact(
                    asset=asset,
                    path=lake.layout.relative(path),
                    rows=manifest.rows,
                    version=manifest.version,
                    bytes=path.stat().st_size,
                    sha256=sha256,
                    is_intact=read_sidecar(path) == sha256,
                    logical_hash=manifest.logical_hash,
                ),
            )
    return found


def _bars(lake: Lake, partition: Partition) -> tuple[str, int, pl.DataFrame | None]:
    """Read what is drawn: the bars as they are now, else the sealed ones, else the klines."""
    for asset in ("bars_1s", "daily_bars"):
        if lake.layout.files(asset, partition):
            with readable(f"{asset} of {partition}"):
                return asset, SECOND_US, lake.scan(asset, partition).collect()
    if not lake.layout.files("klines", partition):
        return "", 0, None
    with readable(f"klines of {partition}"):
        stored = lake.scan("klines", partition).collect()
    if stored.is_empty():
        return "", 0, None
    name = min(stored["interval"].unique(), key=length_of)
    step_us = length_of(name)
    return "klines", step_us, _whole_day(stored.filter(interval=name), partition, step_us)


def _whole_day(klines: pl.DataFrame, partition: Partition, step_us: int) -> pl.DataFrame:
    """Put klines into a row an interval of the day; one that is not there has no values."""
    opens = pl.int_range(partition.start_us, partition.end_us, step_us, eager=True).cast(TIME)
    names = [name for name in KLINES.schema if name not in KLINES.key]
    return (
        opens.alias("ts_open")
        .to_frame()
        .join(klines.select("ts_open", *names), on="ts_open", how="left")
        .with_columns(is_complete=pl.col("close").is_not_null())
    )


def _hours(bars: pl.DataFrame | None) -> pl.DataFrame | None:
    """Merge bars, or klines with what those lack left null, by the hour."""
    if bars is None:
        return None
    lacking = (
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in BARS.schema.items()
        if name not in bars.columns
    )
    return roll_up(bars.lazy().with_columns(lacking), Interval.HOUR).collect()


def _sizes(lake: Lake, partition: Partition) -> list[Sizes]:
    for asset in ("daily_trades", "raw_trades"):
        if lake.layout.files(asset, partition):
            with contextlib.suppress(UnreadableInput), readable(f"{asset} of {partition}"):
                return trade_sizes(lake.scan(asset, partition))
    return []
