"""1,440 parts of a minute to the day's one sealed file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.given import DAY, MINUTE_LAKE
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.build import frames_upstream
from crypto_assets.pipeline.steps import STEPS


def ours(data: Path, scratch: Path) -> Callable[[], int]:
    """Seal the day: merge, describe, write, read back, checksum."""
    shutil.copytree(data / MINUTE_LAKE, scratch / "lake", copy_function=os.link)
    lake = Lake(scratch / "lake")

    def call() -> int:
        upstream = frames_upstream(lake, "daily_trades", DAY)
        (made,) = STEPS["daily_trades"](lake, DAY, upstream)
        return lake.store("daily_trades", DAY, made).manifest.rows

    return call


def polars_floor(data: Path, scratch: Path) -> Callable[[], int]:
    """Scan the files with polars and write their rows once, nothing compared or described."""
    files = Lake(data / MINUTE_LAKE).layout.files("raw_trades", DAY)
    target = scratch / "trades.parquet"

    def call() -> int:
        pl.scan_parquet(files, hive_partitioning=False).sink_parquet(target)
        return int(pl.scan_parquet(target).select(pl.len()).collect().item())

    return call


def copy_floor(data: Path, scratch: Path) -> Callable[[], int]:
    """Copy the bytes of the files one after the other."""
    files = Lake(data / MINUTE_LAKE).layout.files("raw_trades", DAY)
    rows = pl.scan_parquet(files, hive_partitioning=False).select(pl.len()).collect().item()

    def call() -> int:
        with (scratch / "trades.bytes").open("wb") as target:
            for path in files:
                target.write(path.read_bytes())
        return int(rows)

    return call
