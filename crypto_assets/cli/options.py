"""What commands have in common: where the lake is, which days are meant, and how they end."""

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
"""Exit status when a partition is degraded or missing, or something of it could not be had."""

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
    """Open the lake an option names, or the settings' one.

    Raises:
        InvalidSettings: no option names one, and the settings cannot be used.
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


def partitions_of(symbols: Iterable[str], dates: str) -> list[Partition]:
    """Read symbols and a day, or a range of days ``D..D2``, as partitions.

    Raises:
        InvalidName: a symbol or a date is none, or the last day is before the first.
    """
    days, venue = days_of(dates), settings.load().venue
    return [Partition(Instrument.parse(symbol, venue), date) for symbol in symbols for date in days]
