"""``export``: days of a table as files for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, days_of, lake_of
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.listing import Listing
from crypto_assets.pipeline.export import LAYOUT, TABLES, Layout, items
from crypto_assets.pipeline.export import export as run

_Names = Optional[list[str]]


def export(
    table: Annotated[str, typer.Option(help=f"One of {', '.join(TABLES)}.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The directory to write to.", file_okay=False),
    ],
    symbol: Annotated[
        _Names,
        typer.Option(help="BTCUSDT, bybit:BTCUSDTPERP or bybit:BTC/USDT:USDT; by default all."),
    ] = None,
    date: Annotated[
        Optional[str],
        typer.Option(help="A day or a range of days, D or D..D2; by default all."),
    ] = None,
    interval: Annotated[
        _Names,
        typer.Option(help="Of ohlcv and klines, such as 1m; by default all."),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(help="Directories: interval, exchange, symbol, date in any order."),
    ] = LAYOUT,
    form: Annotated[str, typer.Option("--format", help="parquet, csv or both.")] = "parquet,csv",
    *,
    complete_only: Annotated[
        bool,
        typer.Option("--complete-only", help="Leave out days that are not complete."),
    ] = False,
    lake: LakeOption = None,
) -> None:
    """Write days of a table to files, TABLE/INTERVAL/EXCHANGE/SYMBOL/SYMBOL_YYYYMMDD.csv.

    Sealed days where they are sealed. CSV has decimals to the last digit and times in UTC. Writing
    the same again changes nothing. Days that are not complete are told, with what is known of them;
    exit status 3 when [bold]--complete-only[/] left one out, or nothing of it is stored.

    Example: [bold]crypto-assets export --table ohlcv --date 2025-01-02 --output /data/csv[/]
    """
    target, shape = lake_of(lake), Layout(layout)
    forms = [name.strip() for name in form.split(",")]
    found = list(
        items(
            target,
            table,
            {_instrument(text) for text in symbol or ()},
            set(days_of(date)) if date else (),
            interval or (),
        ),
    )
    incomplete = [item for item in found if not item.is_complete]
    for item in incomplete:
        told = f"[yellow]{item.condition}[/] {escape(str(item))}"
        left_out = ": left out" if complete_only else ""
        screen.errors.print(told + left_out, highlight=False, soft_wrap=True)
    wanted = [item for item in found if item.is_complete or not complete_only]
    with screen.progress() as bar:
        task = bar.add_task("exporting", total=len(wanted))
        done = run(
            wanted,
            output.absolute(),
            shape,
            forms,
            lambda item: bar.update(task, advance=1, description=escape(str(item))),
        )
    changed = sum(one.changed for one in done)
    told = f"{len(done)} files in {escape(str(output))}, {changed} of them written anew"
    screen.console.print(told, highlight=False, soft_wrap=True)
    if not wanted or (complete_only and incomplete):
        raise typer.Exit(FAULT)


def _instrument(text: str) -> Instrument:
    """Read a symbol of the lake, or a unified one as exchanges list it."""
    if "/" in text:
        return Listing.parse(text).instrument
    return Instrument.parse(text, settings.load().venue)
