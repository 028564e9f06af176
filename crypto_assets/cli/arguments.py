"""What several commands are given, and how it is read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Optional

import typer

from crypto_assets import settings
from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import parse_date

LakeOption = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads it
    typer.Option(
        "--lake",
        help="The directory of market data; by default CRYPTO_ASSETS_LAKE or the settings file's.",
        show_default=False,
        file_okay=False,
    ),
]


def lake_of(path: Path | None) -> Lake:
    """Open the lake at a path, or the settings' one.

    Raises:
        InvalidSettings: there is no path, and the settings cannot be used.
    """
    return Lake(path or Path(settings.load().lake))


def days_of(text: str) -> list[dt.date]:
    """Read ``D`` or ``D..D2`` as every day of it.

    Raises:
        InvalidName: a date is none, or the last one is before the first.
    """
    first, _, last = text.partition("..")
    start, end = parse_date(first), parse_date(last or first)
    if end < start:
        raise InvalidName(f"dates {text!r}: the last day is before the first")
    return [dt.date.fromordinal(day) for day in range(start.toordinal(), end.toordinal() + 1)]
