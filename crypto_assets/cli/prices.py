"""``prices``: what coins cost, once, every hour, or on days that are over."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, days_of, lake_of
from crypto_assets.doors.exchanges import now_us, prices_of
from crypto_assets.errors import InvalidName, StreamLost, UnreadableInput
from crypto_assets.model.coin import checked_coin, checked_currency
from crypto_assets.model.interval import Interval
from crypto_assets.pipeline.prices import Taken, day_of, take_day, take_snapshot
from crypto_assets.sinks.price_csv import append

_NAMES = Optional[list[str]]
_HOUR_US = Interval.HOUR.microseconds


def prices(
    coin: Annotated[
        _NAMES,
        typer.Option(help="CoinGecko's id, such as bitcoin; by default the settings' ones."),
    ] = None,
    currency: Annotated[
        _NAMES,
        typer.Option(help="Such as usd; by default the settings' ones."),
    ] = None,
    date: Annotated[
        Optional[str],
        typer.Option(help="Fill hours of days that are over, D or D..D2, from the past."),
    ] = None,
    csv: Annotated[
        Optional[Path],
        typer.Option(help="Append what is new to this file too.", dir_okay=False),
    ] = None,
    http_url: Annotated[
        Optional[str],
        typer.Option(help="Another address, such as the loopback exchange's."),
    ] = None,
    once: Annotated[
        bool,
        typer.Option("--once/--hourly", help="One snapshot, or one every hour until Ctrl-C."),
    ] = True,
    lake: LakeOption = None,
) -> None:
    """Ask CoinGecko what coins cost, and store what can be used.

    What cannot be used is told and left out: an unknown coin, a price that is null, 0 or negative,
    an update of the future or more than a day old. A key is taken from COINGECKO_DEMO_API_KEY or
    COINGECKO_PRO_API_KEY. Asking twice stores nothing twice. Exit status 3 when nothing could be
    stored, or a coin is left out.

    Example: [bold]crypto-assets prices --coin bitcoin --coin ethereum --currency usd[/]
    """
    found, target = settings.load().prices, lake_of(lake)
    coins = [checked_coin(one) for one in coin or found.coins]
    currencies = [checked_currency(one) for one in currency or found.currencies]
    if not coins or not currencies:
        raise InvalidName("expected --coin and --currency, or the settings'; found none")
    if date is not None and not once:
        raise InvalidName("--date and --hourly: expected one of them, found both")
    door = prices_of(target, http_url or found.http_url, settings.coingecko_key())
    buffer = csv or (Path(found.csv) if found.csv else None)

    def snapshot() -> Taken:
        return take_snapshot(target, door, coins, currencies, now_us)

    if not once:
        _every_hour(snapshot, buffer)
        return
    ways: list[Callable[[], Taken]] = [snapshot]
    if date is not None:
        ways = [
            partial(take_day, target, door, coins, currencies, day, now_us)
            for day in _past(days_of(date))
        ]
    left_out = 0
    with screen.progress() as bar:
        task = bar.add_task("asking", total=len(ways))
        for take in ways:
            left_out += _told(take(), buffer)
            bar.advance(task)
    if left_out:
        raise typer.Exit(FAULT)


def _past(dates: list[dt.date]) -> list[dt.date]:
    for date in dates:
        if day_of(date).end_us > now_us():
            raise InvalidName(f"date {date}: expected a day that is over, leave --date out")
    return dates


def _every_hour(snapshot: Callable[[], Taken], buffer: Path | None) -> None:
    """Take a snapshot now and at every full hour; one that fails does not end it."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                _told(snapshot(), buffer)
            except (StreamLost, UnreadableInput) as error:
                screen.errors.print(
                    f"[red]error[/] {escape(str(error))}",
                    highlight=False,
                    soft_wrap=True,
                )
            time.sleep((_HOUR_US - now_us() % _HOUR_US) / 1e6)


def _told(taken: Taken, buffer: Path | None) -> int:
    """Show what came, append it where it shall be, and say how much was left out."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("coin", "currency", "updated"):
        table.add_column(name, no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    newest = taken.rows.group_by("coin", "currency", maintain_order=True).last()
    for row in newest.iter_rows(named=True):
        price = f"{row['price'].normalize():f}"
        table.add_row(row["coin"], row["currency"], f"{row['ts_updated']:%F %T}", price)
    screen.console.print(table)
    for one in taken.skipped:
        screen.errors.print(
            f"[yellow]left out[/] {escape(str(one))}",
            highlight=False,
            soft_wrap=True,
        )
    count = sum(file.manifest.rows for file in taken.days.values())
    named = ", ".join(str(day.date) for day in taken.days)
    screen.console.print(f"{count:,} prices are stored of {named}", highlight=False)
    if buffer is not None:
        new = append(taken.rows, buffer)
        told = f"{new:,} lines appended to {escape(str(buffer))}"
        screen.console.print(told, highlight=False, soft_wrap=True)
    return len(taken.skipped)
