"""``report``: pages to look at, of days or of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets.cli import screen
from crypto_assets.cli.options import LakeOption, lake_of, partitions_of
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.html_pages import Written, write_completeness, write_report
from crypto_assets.pipeline.survey import survey


def report(
    symbol: Annotated[Optional[str], typer.Option(help="The symbol; none means all days.")] = None,
    date: Annotated[
        Optional[str],
        typer.Option(help="A day or a range of days, D or D..D2."),
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option("-o", "--output", help="Write to this file instead.", dir_okay=False),
    ] = None,
    *,
    every: Annotated[
        bool,
        typer.Option("--all", help="The heat map of all symbols and days."),
    ] = False,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    lake: LakeOption = None,
) -> None:
    """Write a page to look at: one day's charts, proof, checks and gaps, or a map of all days.

    One HTML file each, which needs no network and nothing beside it: of a day
    [bold]reports/venue=V/symbol=S/date=D/report.html[/] in the lake, of all
    [bold]reports/completeness.html[/]. The same data give the same bytes. Exit status 2 when the
    options do not go together.

    Example: [bold]crypto-assets report --symbol NEXOUSDT --date 2024-07-24 --open[/]

    Example: [bold]crypto-assets report --all[/]
    """
    target = lake_of(lake)
    if every or symbol is None:
        if symbol is not None or date is not None:
            raise typer.BadParameter("--all goes without --symbol, and --date with it")
        written = [_all(target, output)]
    elif date is None:
        raise typer.BadParameter("--symbol needs --date")
    else:
        written = _days(target, symbol, date, output)
    for one in written:
        changed = "" if one.changed else " (nothing changed)"
        told = f"{escape(str(one.path))}, {one.bytes:,} bytes{changed}"
        screen.console.print(told, highlight=False, soft_wrap=True)
    if opened:
        typer.launch(written[0].path.as_uri())


def _all(target: Lake, output: Path | None) -> Written:
    with screen.progress() as bar:
        task = bar.add_task("looking at all days", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        found = survey(target, advance)
    return write_completeness(target, found, output and output.absolute())


def _days(target: Lake, symbol: str, date: str, output: Path | None) -> list[Written]:
    partitions = partitions_of([symbol], date)
    if output is not None and len(partitions) > 1:
        raise typer.BadParameter("--output is one file: expected one day, found a range")
    written: list[Written] = []
    with screen.progress() as bar:
        task = bar.add_task("writing", total=len(partitions))
        for partition in partitions:
            written.append(write_report(target, partition, output and output.absolute()))
            bar.update(task, advance=1, description=str(partition))
    return written
