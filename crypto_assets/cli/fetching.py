"""``fetch``: the trades that are newer than those stored."""

from __future__ import annotations

import functools
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, lake_of
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import parse_date


def fetch(
    symbol: Annotated[list[str], typer.Option(help="A symbol; may be given several times.")],
    since: Annotated[
        Optional[str],
        typer.Option(help="Begin with the first trade of this day, unless later ones are stored."),
    ] = None,
    http_url: Annotated[
        Optional[str],
        typer.Option(help="A host that serves historicalTrades; by default the settings' one."),
    ] = None,
    lake: LakeOption = None,
) -> None:
    """Fetch the trades that are newer than those stored, until the exchange has no newer one.

    Asks for them by id, from the last one stored on; where nothing is stored, from the first one
    of today. Killed anywhere it neither loses nor repeats one. The same as the schedule
    [bold]incremental_trades[/] does every five minutes. Build the day afterwards. Exit status 3
    when the newest was not reached.

    Example: [bold]crypto-assets fetch --symbol BTCUSDT[/]
    """
    from crypto_assets.doors.exchanges import history_of
    from crypto_assets.pipeline.incremental import fetch_new

    target, found = lake_of(lake), settings.load()
    history = history_of(target, http_url or found.healing.http_url)
    day = parse_date(since) if since else None
    is_behind = False
    for name in symbol:
        instrument = Instrument.parse(name, found.venue)
        with screen.progress() as bar:
            task = bar.add_task(f"fetching {instrument}", total=None)
            new = fetch_new(
                target,
                instrument,
                history,
                found.incremental.most_ids,
                day,
                functools.partial(bar.advance, task),
            )
        dates = ", ".join(str(one.date) for one in new.touched)
        told = f"{instrument}: {new.count:,} new trades" + (f" of {dates}" if dates else "")
        screen.console.print(escape(told), highlight=False, soft_wrap=True)
        if new.why is not None:
            is_behind = True
            screen.errors.print(escape(new.why), highlight=False, soft_wrap=True)
    if is_behind:
        raise typer.Exit(FAULT)
