"""``ohlcv``: days of bars from any exchange that ccxt speaks to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Optional

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, days_of, lake_of
from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Committed
from crypto_assets.model.listing import listings
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.ohlcv import Outcome, Wanted, fetch, judge, wanted
from crypto_assets.sources.ohlcv import Bars

_NAMES = Optional[list[str]]


def ohlcv(
    date: Annotated[str, typer.Option(help="A day or a range of days, D or D..D2.")],
    instrument: Annotated[
        _NAMES,
        typer.Option(help="Exchange and unified symbol; by default the settings' ones."),
    ] = None,
    interval: Annotated[
        _NAMES,
        typer.Option(help="Such as 1m, 3m, 1h; by default the settings' ones."),
    ] = None,
    url: Annotated[
        _NAMES,
        typer.Option(help="EXCHANGE=ADDRESS, such as the loopback exchange's."),
    ] = None,
    at_once: Annotated[
        Optional[int],
        typer.Option(help="Days of one exchange fetched together.", min=1),
    ] = None,
    *,
    again: Annotated[
        bool,
        typer.Option("--again", help="Fetch days anew that are whole already."),
    ] = False,
    lake: LakeOption = None,
) -> None:
    """Fetch bars of any exchange that ccxt speaks to, through its rate limiter.

    Takes only what the exchange's own clock has finished; a day that was not over is taken further
    the next time, one that is whole is left alone. Symbols and exchanges are fetched side by side.
    Exit status 3 when a day could not be fetched or has a fault; holes are told.

    Example: [bold]crypto-assets ohlcv --instrument bybit:BTC/USDT:USDT --date 2025-01-02[/]
    """
    found, target = settings.load().ohlcv, lake_of(lake)
    named = listings(instrument or found.instruments)
    if not named:
        raise InvalidName("expected --instrument, or instruments in the settings; found neither")
    asked = wanted(named, days_of(date), interval or found.intervals)
    with screen.progress() as bar:
        task = bar.add_task("fetching", total=len(asked))

        def told(one: Wanted, _: Outcome) -> None:
            bar.update(task, advance=1, description=escape(str(one)))

        outcomes = fetch(
            target,
            asked,
            partial(Bars, urls={**found.urls, **_urls(url or [])}),
            at_once=at_once or found.at_once,
            again=again,
            told=told,
        )
    screen.console.print(_table(outcomes))
    errors = [str(found) for found in outcomes.values() if not isinstance(found, Committed)]
    for error in errors:
        screen.errors.print(f"[red]error[/] {escape(error)}", highlight=False, soft_wrap=True)
    stored = {one.partition for one, found in outcomes.items() if isinstance(found, Committed)}
    faults = [_tell_faults(day, judge(target, day)) for day in sorted(stored)]
    if errors or any(faults):
        raise typer.Exit(FAULT)


def _tell_faults(partition: Partition, found: tuple[Verdict, ...]) -> bool:
    """Print what did not pass; whether one of it is more than a warning."""
    for verdict in found:
        if not verdict.passed:
            colour = "red" if verdict.is_fault else "yellow"
            screen.errors.print(
                f"[{colour}]{verdict.severity}[/] {partition} {verdict.check}: "
                f"{escape(verdict.message)}",
                highlight=False,
                soft_wrap=True,
            )
    return any(verdict.is_fault for verdict in found)


def _urls(texts: list[str]) -> dict[str, str]:
    found = dict(text.split("=", 1) for text in texts if "=" in text)
    if len(found) < len(texts):
        raise InvalidName(f"--url {' '.join(texts)}: expected EXCHANGE=ADDRESS, one an exchange")
    return found


def _table(outcomes: Mapping[Wanted, Outcome]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("instrument", "date", "interval"):
        table.add_column(name, no_wrap=True)
    for name in ("bars", "written"):
        table.add_column(name, justify="right", no_wrap=True)
    for one, outcome in outcomes.items():
        told = ("[red]-[/]", "[red]no[/]")
        if isinstance(outcome, Committed):
            told = (f"{outcome.manifest.rows:,}", "yes" if outcome.changed else "as it was")
        table.add_row(escape(str(one.listing)), one.date.isoformat(), one.interval, *told)
    return table
