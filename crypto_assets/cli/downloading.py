"""The command ``download``: take what an exchange publishes of finished days."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, lake_of, partitions_of
from crypto_assets.errors import InvalidSettings


def download(
    symbol: Annotated[list[str], typer.Option(help="A symbol; may be given several times.")],
    date: Annotated[str, typer.Option(help="A day or a range of days, D or D..D2.")],
    asset: Annotated[
        Optional[list[str]],
        typer.Option(help="raw_trades, klines, agg_trades; by default all of them."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Read the checksums of what is here once more."),
    ] = False,
    archive_url: Annotated[
        Optional[str],
        typer.Option(help="A host of the published files; by default the settings' one."),
    ] = None,
    lake: LakeOption = None,
) -> None:
    """Take the files an exchange publishes of finished days into the lake.

    What is here already is not asked for. Several files come side by side, and go on where they
    were cut; each is held against its checksum, and one that differs twice is kept in quarantine
    until its content is proven. What was published again takes the place of what was taken before,
    and the view [bold]revisions[/] tells what it changed. Build the days afterwards, which does all
    this by itself too. Exit status 3 when a file could not be had.

    Example: [bold]crypto-assets download --symbol BTCUSDT --date 2024-08-01..2024-08-31[/]
    """
    from crypto_assets.doors.exchanges import archive_of, now_us
    from crypto_assets.pipeline import gaps
    from crypto_assets.pipeline.published import KINDS, Found, take_published

    target = lake_of(lake)
    found = settings.load()
    files = found.archive.at(archive_url) if archive_url else found.archive
    archive = archive_of(target, files, found.healing)
    if archive is None:
        raise InvalidSettings("archive: expected a host to download from; name --archive-url")
    for name in asset or ():
        if name not in KINDS:
            raise typer.BadParameter(f"expected one of {', '.join(KINDS)}", param_hint="--asset")
    days = partitions_of(symbol, date)
    counts: Counter[Found] = Counter()
    with screen.progress() as bar:
        for name in asset or KINDS:
            task = bar.add_task(name, total=None)

            def watch(file: str, count: int, task: object = task, name: str = name) -> None:
                bar.update(task, advance=count, description=f"{name} {escape(file)}")  # type: ignore[arg-type]

            outcomes = take_published(target, name, days, archive, watch, again=again)
            counts.update(one.found for one in outcomes)
            for one in outcomes:
                if one.found not in (Found.HELD, Found.TAKEN):
                    told = f"{one.file}: {one.why or one.found.value}"
                    bar.console.print(escape(told), highlight=False, soft_wrap=True)
    gaps.refresh_days(target, days, now_us())
    told = ", ".join(f"{count:,} {found.value}" for found, count in counts.items())
    screen.console.print(told or "nothing is published of such days", highlight=False)
    if counts[Found.FAILED]:
        raise typer.Exit(FAULT)
