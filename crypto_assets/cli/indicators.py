"""``indicators``: moving averages, volatility and volume profiles of days that are built."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, lake_of, partitions_of
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.indicators import DERIVED, build, judge


def indicators(
    symbol: Annotated[list[str], typer.Option(help="A symbol; may be given several times.")],
    date: Annotated[str, typer.Option(help="A day or a range of days, D or D..D2.")],
    lake: LakeOption = None,
) -> None:
    """Compute indicators and volume profiles of days whose bars and trades are stored.

    Moving averages and volatility over 20, 50 and 200 bars of 1m, 5m, 15m and 1h reach into the
    nine days before, as far as those are stored. They are the views [bold]indicators[/],
    [bold]indicators_1d[/] and [bold]volume_profile[/]. Exit status 3 when a day has none, or they
    have a fault.

    Example: [bold]crypto-assets indicators --symbol BTCUSDT --date 2024-08-01..2024-08-31[/]
    """
    target, days = lake_of(lake), partitions_of(symbol, date)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("day", "asset"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "written"):
        table.add_column(name, justify="right", no_wrap=True)
    faults = 0
    with screen.progress() as bar:
        task = bar.add_task("computing", total=len(days) * len(DERIVED))
        for day in days:
            for asset in DERIVED:
                bar.update(task, description=f"{asset} {day}")
                faults += _made(target, asset, day, table)
                bar.advance(task)
    screen.console.print(table)
    if faults:
        raise typer.Exit(FAULT)


def _made(lake: Lake, asset: str, day: Partition, table: Table) -> bool:
    """Make one asset of a day, tell of it, and say whether it has a fault."""
    try:
        made = build(lake, asset, day)
    except CryptoAssetsError as error:
        _tell(f"[red]error[/] {escape(str(error))}")
        table.add_row(str(day), asset, "[red]-[/]", "[red]no[/]")
        return True
    table.add_row(
        str(day),
        asset,
        f"{made.manifest.rows:,}",
        "yes" if made.changed else "as it was",
    )
    found = judge(lake, asset, day)
    for verdict in found:
        if not verdict.passed:
            colour = "red" if verdict.is_fault else "yellow"
            what = f"{day} {verdict.check}: {escape(verdict.message)}"
            _tell(f"[{colour}]{verdict.severity}[/] {what}")
    return any(verdict.is_fault for verdict in found)


def _tell(line: str) -> None:
    screen.errors.print(line, highlight=False, soft_wrap=True)
