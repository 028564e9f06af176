"""The page of what is known of all symbols and days."""

from __future__ import annotations

from pathlib import Path

from crypto_assets.lake.lake import Lake
from crypto_assets.model.report import Survey
from crypto_assets.pipeline.report import Written, keep
from crypto_assets.sinks.page.heatmap import html


def write_completeness(lake: Lake, survey: Survey, path: Path | None = None) -> Written:
    """Write the heat map of a survey, atomically; the same survey gives the same bytes.

    Args:
        lake: Where it goes, and where the pages of days lie that it links to.
        survey: What is known.
        path: Where to write it; by default its place in the lake.

    """
    target = path or lake.layout.completeness
    return keep(target, html(survey, lake.layout.reports, target.parent).encode())
