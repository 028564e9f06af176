"""The page, and the picture, of what is known of all symbols and days."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.report import Written, keep
from crypto_assets.pipeline.survey import survey
from crypto_assets.sinks.page.heatmap import html


def write_completeness(
    lake: Lake,
    path: Path | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the heat map of a lake, atomically; the same data give the same bytes.

    Links go to the pages of days that are there, from the place the page is written to.
    """
    target = path or lake.layout.completeness
    found = survey(lake, advance)
    return keep(target, html(found, lake.layout.reports, target.parent).encode())
