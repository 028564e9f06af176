"""The commands. Each reads its arguments, calls one use case, and shows what came of it."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import __version__, settings
from crypto_assets.cli import (
    asking,
    downloading,
    export,
    fetching,
    indicators,
    ohlcv,
    prices,
    report,
    screen,
    sending,
    streaming,
    warehousing,
)
from crypto_assets.cli.options import FAULT, LakeOption, lake_of, partitions_of
from crypto_assets.errors import ChecksumMismatch, InvalidName, UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.ingest import Taken, take
from crypto_assets.pipeline.segments import touched

app = typer.Typer(
    name="crypto-assets",
    help="Crypto market data whose days are proven complete by their trade ids.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(*, wanted: bool) -> None:
    if wanted:
        screen.console.print(f"crypto-assets {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=lambda value: _version(wanted=value), is_eager=True),
    ] = False,
) -> None:
    pass


@app.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(help="Recorded captures and archive files.")],
    venue: Annotated[str, typer.Option(help="The exchange they were recorded from.")] = "",
    lake: LakeOption = None,
) -> None:
    """Take recordings and archive files into the lake.

    A capture has lines [bold]<local time in us or ns> <combined-stream message>[/], plain, .gz or
    .zst. Archive files are SYMBOL-trades-DATE and SYMBOL-1m-DATE as .csv, .csv.gz or .zip, checked
    against the .CHECKSUM beside them, and exchangeInfo answers. Of Bybit ([bold]--venue bybit[/])
    they are captures, SYMBOLDATE.csv.gz and SYMBOL-1m-DATE.json with answers of /v5/market/kline.
    Importing a file twice changes nothing. Lines that cannot be read are kept in the lake's dead
    letters and counted.

    Example: [bold]crypto-assets import BTCUSDT-trades-2024-08-09.zip btcusdt_20240809.gz[/]
    """
    target = lake_of(lake)
    failed = 0
    for path in paths:
        with screen.progress() as bar:
            task = bar.add_task(escape(path.name), total=None)
            advance = functools.partial(bar.advance, task)
            try:
                taken = take(target, path, venue or settings.load().venue, advance)
            except (ChecksumMismatch, UnreadableInput, InvalidName) as error:
                failed += 1
                screen.errors.print(f"[bold red]error[/] {escape(str(error))}", soft_wrap=True)
                continue
        gaps.refresh_days(target, touched([taken]), _now_us())
        _tell_taken(path, taken, target)
        failed += bool(taken.record.torn or taken.record.unreadable)
    if failed:
        raise typer.Exit(1)


def _now_us() -> int:
    return time.time_ns() // 1_000


def _tell_taken(path: Path, taken: Taken, lake: Lake) -> None:
    record = taken.record
    if taken.listed is not None:
        told = f"{len(taken.listed.symbols):,} symbols as of {taken.listed.date}"
    else:
        told = ", ".join(
            f"{landed.rows:,} {landed.asset} of {landed.symbol} {landed.date}"
            for landed in record.landed
        )
    known = "" if taken.is_new else " (already there, nothing changed)"
    told = f"{escape(path.name)}: {told or 'no trade or quote in it'}{known}"
    screen.console.print(told, highlight=False, soft_wrap=True)
    if record.unreadable or record.unknown:
        where = lake.layout.dead_letters(record.venue, record.id)
        for letter in taken.dead[:5]:
            screen.errors.print(
                f"[yellow]kept aside[/] {escape(str(path))}:{letter.line}: {escape(letter.reason)}",
                soft_wrap=True,
                highlight=False,
            )
        screen.errors.print(
            f"[yellow]{record.unreadable} lines could not be read, {record.unknown} are of an "
            f"unknown kind[/]; verbatim in {escape(str(where))}",
            soft_wrap=True,
            highlight=False,
        )
    if record.torn:
        screen.errors.print(
            f"[bold red]torn[/] {escape(str(path))}: {escape(record.torn)}; what was before it is "
            "in the lake",
            soft_wrap=True,
            highlight=False,
        )


@app.command()
def build(
    symbol: Annotated[list[str], typer.Option(help="A symbol; may be given several times.")],
    date: Annotated[str, typer.Option(help="A day or a range of days, D or D..D2.")],
    lake: LakeOption = None,
) -> None:
    """Build every asset of days and symbols, and judge them.

    Runs the same Dagster assets and checks as the UI, in this process. Exit status 0 when no day
    has a fault, 3 when one is degraded or missing, 1 on an error.

    Example: [bold]crypto-assets build --symbol NEXOUSDT --date 2024-07-23..2024-07-25[/]
    """
    from crypto_assets.defs.inprocess import build as run
    from crypto_assets.model.assets import ASSETS
    from crypto_assets.model.verdict import Condition
    from crypto_assets.pipeline.status import status_of

    target = lake_of(lake)
    partitions = partitions_of(symbol, date)
    with screen.progress() as bar:
        task = bar.add_task("building", total=len(partitions) * len(ASSETS))

        def watch(asset: str, partition: Partition) -> None:
            bar.update(task, advance=1, description=f"{asset} {partition}")

        failures = run(target, partitions, watch)
    days = [status_of(target, partition) for partition in partitions]
    screen.console.print(screen.matrix(days))
    for line in screen.faults(days):
        screen.errors.print(line, highlight=False, soft_wrap=True)
    conditions = {Condition(day.condition) for day in days}
    if any(condition.is_fault for condition in conditions):
        raise typer.Exit(FAULT)
    # A run of days without anything to make fails in Dagster and is as it should be.
    if failures and not conditions & {Condition.NOT_LISTED, Condition.HALTED}:
        for failure in failures:
            screen.errors.print(f"[bold red]error[/] {escape(failure)}", soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def status(
    symbol: Annotated[Optional[str], typer.Option(help="Only this symbol.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A list of objects, one a day.")] = False,
    lake: LakeOption = None,
) -> None:
    """Show what is known of every symbol and day.

    Example: [bold]crypto-assets status --symbol BTCUSDT --json[/]
    """
    from crypto_assets.pipeline.status import known_partitions, status_of

    target = lake_of(lake)
    name = Instrument.parse(symbol).symbol if symbol else None
    venue = symbol.rpartition(":")[0] if symbol else ""
    days = [
        status_of(target, partition)
        for partition in known_partitions(target, name)
        if venue in ("", partition.instrument.venue)
    ]
    if json:
        screen.as_json(days)
    elif days:
        screen.console.print(screen.matrix(days))
        for line in screen.faults(days):
            screen.console.print(line, highlight=False, soft_wrap=True)
    else:
        told = f"{escape(str(target.layout.root))}: nothing is stored yet; import a recording"
        screen.console.print(told, highlight=False, soft_wrap=True)


@app.command()
def verify(lake: LakeOption = None) -> None:
    """Hash every sealed file again and hold it against its checksum and its manifest.

    Exit status 1 when one differs. The checksums can also be checked without this program:
    [bold]cd DIRECTORY && sha256sum -c *.sha256[/]

    Example: [bold]crypto-assets verify --lake /data/lake[/]
    """
    from crypto_assets.pipeline.verify import verify as run

    target = lake_of(lake)
    count = 0
    wrong = 0
    with screen.progress() as bar:
        task = bar.add_task("verifying", total=None)
        for checked in run(target):
            count += 1
            bar.advance(task)
            if checked.fault is not None:
                wrong += 1
                screen.console.print(
                    f"[bold red]wrong[/] {escape(checked.path)}: {escape(checked.fault)}",
                    highlight=False,
                    soft_wrap=True,
                )
    screen.console.print(f"{count} sealed files checked, {wrong} wrong", highlight=False)
    if wrong:
        raise typer.Exit(1)


@app.command()
def demo(lake: LakeOption = None) -> None:
    """Build a real exchange day, damage a copy of it, heal it, and show the proof.

    Example: [bold]crypto-assets demo --lake /tmp/lake[/]
    """
    from crypto_assets.demo import run

    root = lake_of(lake).layout.root
    raise typer.Exit(run(root, root / "reports", screen.console))


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Of the UI.", min=1, max=65535)] = 3000,
    lake: LakeOption = None,
) -> None:
    """Open the Dagster UI on 127.0.0.1; ends with Ctrl-C.

    Example: [bold]crypto-assets dev --port 3001[/]
    """
    from crypto_assets.defs.instance import home

    directory = home()
    environment = {
        **settings.environment(),
        "DAGSTER_HOME": str(directory),
        settings.LAKE_VARIABLE: str(lake_of(lake).layout.root),
    }
    os.chdir(directory)
    screen.console.print(f"Dagster on http://127.0.0.1:{port}, Ctrl-C ends it", highlight=False)
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml"]
    os.execve(sys.executable, [*command, "-h", "127.0.0.1", "-p", str(port)], environment)  # noqa: S606


SymbolsOption = Annotated[
    Optional[list[str]],
    typer.Option("--symbol", help="May be given several times."),
]


@app.command()
def collect(
    name: Annotated[
        Optional[str],
        typer.Option(help="A collector of the settings; there is never a second one of a name."),
    ] = None,
    symbol: SymbolsOption = None,
    stream: Annotated[
        Optional[list[str]],
        typer.Option(help="Kinds of streams; by default trade and bookTicker."),
    ] = None,
    seconds: Annotated[
        Optional[float],
        typer.Option(help="End by itself after so long; otherwise with Ctrl-C or SIGTERM."),
    ] = None,
    roll_seconds: Annotated[
        Optional[float],
        typer.Option(help="Seal a segment after so long; by default 30.", min=0.1),
    ] = None,
    ws_url: Annotated[
        Optional[str],
        typer.Option(help="Another websocket address, such as the loopback exchange's."),
    ] = None,
    http_url: Annotated[
        Optional[str],
        typer.Option(help="The REST address that goes with it."),
    ] = None,
    kept_by: Annotated[
        str,
        typer.Option(help="Who starts it again: hand, service, or sensor:ID for Dagster's."),
    ] = "hand",
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Go on in the background; its log is in the lake."),
    ] = False,
    status: Annotated[
        bool,
        typer.Option("--status", help="Show the collectors instead, and record nothing."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --status: a list of objects.")] = False,
    lake: LakeOption = None,
) -> None:
    """Record live trades and quotes into the lake's segments, or show who does.

    Records bytes and the instant they came; the sensor [bold]sealed_segments[/], or
    [bold]import[/], makes trades and quotes of them. With a name of the settings everything is as
    they say, but for what is given here.

    Ends with every segment sealed: 0 when it was asked to, 4 when the disk is nearly full, 5 when
    the exchange refuses, 6 when a file cannot be written; 7 when another of that name lives.
    [bold]--status --name NAME[/] ends with 0 only while that one lives and says so, 3 otherwise.

    Example: [bold]crypto-assets collect --name main --detach; crypto-assets collect --status[/]
    """
    from crypto_assets.cli import collecting

    target = lake_of(lake).layout
    if status:
        found = collecting.shown(target, name)
        if json:
            screen.as_json(found)
        else:
            screen.console.print(screen.sessions(found, time.time_ns()))
        if name is not None and not collecting.is_well(found, time.time_ns()):
            raise typer.Exit(FAULT)
        return
    given = collecting.Given(
        name=name,
        symbols=tuple(symbol or ()),
        streams=tuple(stream or ()),
        seconds=seconds,
        roll_seconds=roll_seconds,
        ws_url=ws_url,
        http_url=http_url,
        kept_by=kept_by,
    )
    options = collecting.options_of(target.root, settings.load(), given)
    ended = collecting.detached(options, given) if detach else collecting.recorded(options)
    raise typer.Exit(ended)


@app.command()
def heal(
    symbol: Annotated[str, typer.Option(help="The symbol.")],
    date: Annotated[str, typer.Option(help="A day or a range of days, D or D..D2.")],
    http_url: Annotated[
        Optional[str],
        typer.Option(help="A host that serves historicalTrades; by default the settings' one."),
    ] = None,
    archive_url: Annotated[
        Optional[str],
        typer.Option(help="A host of the daily files; by default the settings' one."),
    ] = None,
    lake: LakeOption = None,
) -> None:
    """Fetch exactly the trade ids that are missing of a day.

    Asks for them by id; where the exchange does not give them, takes the day's archive file if it
    is published, and asks the aggregate trades whether they exist. The view [bold]gaps[/] tells
    what was missing, why, and what came of it. Build the day again afterwards. Exit status 3 when
    ids stay missing.

    Example: [bold]crypto-assets heal --symbol BTCUSDT --date 2024-08-09[/]
    """
    from crypto_assets.doors.exchanges import open_doors
    from crypto_assets.pipeline.heal import heal as run

    target, found, left = lake_of(lake), settings.load(), 0
    healing = settings.Healing(http_url=http_url or found.healing.http_url)
    files = found.archive.at(archive_url) if archive_url else found.archive
    doors = open_doors(target, healing, files)
    for partition in partitions_of([symbol], date):
        with screen.progress() as bar:
            task = bar.add_task(f"healing {partition}", total=None)
            healed = run(target, partition, doors, functools.partial(bar.advance, task))
        left += len(healed.left)
        told = f"{partition}: {healed.count:,} ids healed, {len(healed.left):,} still missing"
        why = f" ({healed.why})" if healed.why else ""
        screen.console.print(escape(told + why), highlight=False, soft_wrap=True)
    if left:
        raise typer.Exit(FAULT)


@app.command()
def exchange(
    symbol: SymbolsOption = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 9443,
    recording: Annotated[
        Optional[list[Path]],
        typer.Option(help="Play a capture, as import takes it; may be given several times."),
    ] = None,
    now: Annotated[
        bool,
        typer.Option("--now", help="Shift a recording so that it begins now."),
    ] = False,
    speed: Annotated[float, typer.Option(help="Market seconds a second.", min=0)] = 1,
    flat_out: Annotated[
        bool,
        typer.Option("--flat-out", help="As fast as the listeners take it."),
    ] = False,
    per_second: Annotated[
        float,
        typer.Option(help="Trades a second of each made-up symbol.", min=0.001),
    ] = 20,
    hours: Annotated[float, typer.Option(help="How long the made-up market lasts.", min=0.01)] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same market.", min=0)] = 1,
) -> None:
    """Run a loopback exchange on 127.0.0.1 that speaks Binance and misbehaves on order.

    A made-up market from now on, or recordings at their own time, over REST, websocket and
    archive. Faults are switched with POST /_control/faults, such as {"drop": 100}; GET /_control
    tells what was sent.

    Example: [bold]crypto-assets exchange --symbol BTCUSDT --port 9443[/]

    Example: [bold]crypto-assets exchange --recording btcusdt_20240809.gz --now --speed 60[/]
    """
    from crypto_assets.cli.market import made_up, recorded
    from crypto_assets.exchange import Pace, run_in_thread

    if flat_out and speed != 1:
        raise InvalidName("--speed and --flat-out: expected one of them, found both")
    now_us = time.time_ns() // 1000
    symbols = [Instrument.parse(one).symbol for one in symbol or ()]
    if recording:
        market = recorded(recording, settings.load().venue, symbols, now_us if now else None)
    else:
        market = made_up(symbols, now_us, hours, per_second, seed)
    with run_in_thread(market, pace=Pace(speed=speed, flat_out=flat_out), port=port) as server:
        told = f"{server.http_url} and {server.ws_url}, Ctrl-C ends it"
        with contextlib.suppress(KeyboardInterrupt):
            screen.console.print(told, highlight=False, soft_wrap=True)
            # The signal may be told to another thread: this one has to look by itself.
            while True:
                time.sleep(0.5)


app.command("download")(downloading.download)
app.command("fetch")(fetching.fetch)
app.command("indicators")(indicators.indicators)
app.command("ohlcv")(ohlcv.ohlcv)
app.command("prices")(prices.prices)
app.command("export")(export.export)
app.command("sql")(asking.sql)
app.command("warehouse")(warehousing.warehouse)
app.command("report")(report.report)
app.command("publish")(streaming.publish)
app.command("consume")(streaming.consume)
app.command("bigquery")(sending.bigquery)
app.command("upload")(sending.upload)
