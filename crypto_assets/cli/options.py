"""What commands have in common: where the lake is, and how they end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Optional

import typer

from crypto_assets import settings
from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition, parse_date

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


def _dates(text: str) -> tuple[str, str]:
    first, _, last = text.partition("..")
    if last and parse_date(last) < parse_date(first):
        raise InvalidName(f"dates {text!r}: the last day is before the first")
    return first, last or first


def partitions_of(symbols: Iterable[str], dates: str) -> list[Partition]:
    """Read symbols and a day, or a range of days ``D..D2``, as partitions.

    Raises:
        InvalidName: a symbol or a date is none, or the last day is before the first.
    """
    first, last = _dates(dates)
    venue = settings.load().venue
    found: list[Partition] = []
    for symbol in symbols:
        instrument = Instrument.parse(symbol, venue)
        found += [
            Partition(instrument, dt.date.fromordinal(day))
            for day in range(parse_date(first).toordinal(), parse_date(last).toordinal() + 1)
        ]
    return found
