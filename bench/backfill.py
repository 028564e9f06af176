"""Sixty small days built, and one large one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bench.given import ARCHIVE, BIG, DAY, SMALL_DAYS, small_days
from bench.race import PROJECT
from crypto_assets.defs import inprocess
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take


def work(data: Path, scratch: Path) -> Callable[[], int]:
    """Make every asset of the days and judge them, without Dagster."""
    lake = _lake(data, scratch)

    def call() -> int:
        build(lake, small_days())
        return len(small_days())

    return call


def through_dagster(data: Path, scratch: Path) -> Callable[[], int]:
    """Do the same in a run of Dagster that records its events in SQLite."""
    lake = _lake(data, scratch)
    home = scratch / "home"
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)
    os.environ |= {"CRYPTO_ASSETS_LAKE": str(lake.layout.root), "DAGSTER_HOME": str(home)}

    def call() -> int:
        built: list[str] = []
        failures = inprocess.build(lake, small_days(), lambda asset, _: built.append(asset))
        assert not failures, failures
        return built.count("verdicts")

    return call


def _lake(data: Path, scratch: Path) -> Lake:
    shutil.copytree(data / SMALL_DAYS, scratch / "lake")
    return Lake(scratch / "lake")


def large_day(data: Path, scratch: Path) -> Callable[[], int]:
    """Take the archive of the large day, then make every asset of it."""
    lake = Lake(scratch / "lake")

    def call() -> int:
        taken = take(lake, data / BIG / ARCHIVE)
        build(lake, [DAY])
        assert lake.manifest("daily_bars", DAY) is not None
        return sum(part.manifest.rows for part in taken.parts)

    return call
