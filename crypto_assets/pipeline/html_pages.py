"""The pages to look at, written where they belong: of a day, and of all symbols and days."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import Survey
from crypto_assets.pipeline.report import report_of
from crypto_assets.sinks.page import day, heatmap


@dataclass(frozen=True, slots=True)
class Written:
    """A page that lies in the lake."""

    path: Path
    bytes: int
    changed: bool
    """False when the same bytes were already there and were left alone."""


def write_report(lake: Lake, partition: Partition, path: Path | None = None) -> Written:
    """Write the page of a day, atomically; the same data give the same bytes.

    Args:
        lake: What is told of.
        partition: Whose day it is; there may be nothing of it.
        path: Where to write it; by default its place in the lake.

    """
    target = path or lake.layout.report(partition)
    return _keep(target, day.html(report_of(lake, partition)).encode())


def write_completeness(lake: Lake, survey: Survey, path: Path | None = None) -> Written:
    """Write the heat map of a survey, atomically; the same survey gives the same bytes.

    Args:
        lake: Where it goes, and where the pages of days lie that it links to.
        survey: What is known.
        path: Where to write it; by default its place in the lake.

    """
    target = path or lake.layout.completeness
    return _keep(target, heatmap.html(survey, lake.layout.reports, target.parent).encode())


def _keep(target: Path, data: bytes) -> Written:
    """Write a page atomically where it is not there already, byte by byte."""
    changed = not target.exists() or target.read_bytes() != data
    if changed:
        atomic.write_bytes(target, data)
    return Written(target, len(data), changed)
