"""What commands have in common: where the lake is, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from crypto_assets import settings
from crypto_assets.lake.lake import Lake

FAULT = 3
"""Exit status when a partition is degraded or missing."""

LakeOption = Annotated[
    Optional[Path],
    typer.Option(
        "--lake",
        help="The directory of market data; by default CRYPTO_ASSETS_LAKE or the settings file's.",
        show_default=False,
        file_okay=False,
    ),
]


def lake_of(path: Path | None) -> Lake:
    """Open the lake an option names, or the settings' one."""
    return Lake(path or Path(settings.load().lake))
