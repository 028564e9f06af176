"""``warehouse``: one DuckDB file over the lake for any client."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, lake_of
from crypto_assets.model.instrument import Instrument


def warehouse(
    path: Annotated[
        Optional[Path],
        typer.Option(help="The file; by default the settings' one.", dir_okay=False),
    ] = None,
    table: Annotated[
        Optional[list[str]],
        typer.Option(help="A symbol with a table of its own; by default the settings' ones."),
    ] = None,
    lake: LakeOption = None,
) -> None:
    """Bring the DuckDB file over the lake up to date.

    It has the views and macros of [bold]sql[/], which any DuckDB client reads without this program,
    and a table of each symbol that is asked for, such as [bold]trades_btcusdt[/], with its sealed
    days, each loaded once. Open it read-only; who has it open while it is refreshed goes on reading
    what it was. Exit status 3 when a sealed file is damaged, or a loaded day is degraded by now.

    Example: [bold]crypto-assets warehouse --table BTCUSDT --table bybit:BTCUSDT[/]
    """
    from crypto_assets.pipeline.warehouse import default_path, refresh, tables_of

    target, found = lake_of(lake), settings.load()
    named = Path(found.warehouse.path) if found.warehouse.path else default_path(target)
    symbols = table or found.warehouse.tables
    instruments = [Instrument.parse(symbol, found.venue) for symbol in symbols]
    with screen.progress() as bar:
        task = bar.add_task("refreshing", total=None)
        done = refresh(
            target,
            path or named,
            tables_of(instruments, found.venue),
            found.venue,
            dt.datetime.now(dt.UTC),
            lambda number, of: bar.update(task, completed=number, total=of),
        )
    told = [
        f"{done.path}: {'refreshed' if done.changed else 'unchanged'}, {len(done.views)} views",
        *(f"{name}: {rows:,} rows" for name, rows in sorted(done.rows.items())),
    ]
    if done.loaded or done.unchanged:
        told.append(f"{len(done.loaded)} days loaded, {done.unchanged} unchanged")
    for line in told:
        screen.console.print(escape(line), highlight=False, soft_wrap=True)
    faults = [
        *(f"{day}: {why}; not loaded, see verify" for day, why in done.failed.items()),
        *(f"{one.table} {one.date}: degraded since it was loaded" for one in done.degraded),
        *(
            f"{one.table} {one.date}: its sealed file is gone, its rows were kept"
            for one in done.unsealed
        ),
    ]
    for fault in faults:
        screen.errors.print(f"[yellow]{escape(fault)}[/]", highlight=False, soft_wrap=True)
    if faults:
        raise typer.Exit(FAULT)
