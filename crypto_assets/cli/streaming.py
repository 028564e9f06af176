"""``publish`` and ``consume``: recorded trades through a broker into the table ``trade_stream``."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from types import FrameType
from typing import Annotated, Literal, Optional

import msgspec
import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, lake_of, partitions_of
from crypto_assets.errors import InvalidName, StreamLost
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline import publish as publishing
from crypto_assets.pipeline.consume import Batch, Consumed
from crypto_assets.pipeline.consume import consume as run
from crypto_assets.pipeline.publish import Published
from crypto_assets.settings import Stream

_BrokerOption = Annotated[
    Optional[Literal["nats", "pubsub"]],
    typer.Option("--broker", help="By default the settings'."),
]


def publish(
    symbol: Annotated[
        Optional[list[str]],
        typer.Option(help="With --date: publish stored days of a symbol, whatever was before."),
    ] = None,
    date: Annotated[
        Optional[str],
        typer.Option(help="A day or a range of days, D or D..D2."),
    ] = None,
    broker: _BrokerOption = None,
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="End when everything recorded so far is published."),
    ] = False,
    lake: LakeOption = None,
) -> None:
    r"""Publish recorded trades to the broker, one message a trade, named venue/symbol/id.

    Every sealed segment once, and what was fetched to heal it; goes on until Ctrl-C or SIGTERM.
    Killed anywhere it publishes the input again: repeats are dropped by the broker, or by
    [bold]consume[/]. While the broker is full or away it waits. The broker is the settings'
    [bold]\[stream][/], NATS on 127.0.0.1 by default; CRYPTO_ASSETS_NATS_URL may hold a secret.

    Example: [bold]crypto-assets publish --once[/]
    """
    from crypto_assets.doors.streams import broker_of

    target, stream = lake_of(lake), _stream(broker, None)
    if bool(symbol) != bool(date):
        raise InvalidName("expected both of --symbol and --date, or none of them")
    days = partitions_of(symbol or (), date or "") if date else []
    if not days and not once:
        publishing.keep_publishing(
            target,
            functools.partial(broker_of, stream),
            _ended_by_signals(),
            _tell_published,
            _tell_lost,
        )
        return
    with contextlib.closing(broker_of(stream)) as door:
        if days:
            found = [publishing.publish_day(target, door, day) for day in days]
            for one in found:
                _tell_published(one)
        else:
            found = publishing.publish_new(target, door, _tell_published)
    if not found:
        screen.console.print("everything recorded is published")
    if any(one.why is not None for one in found):
        raise typer.Exit(FAULT)


def _tell_lost(error: StreamLost) -> None:
    screen.errors.print(escape(str(error)), highlight=False, soft_wrap=True)


def _tell_published(found: Published) -> None:
    told = f"{found.what}: {found.trades:,} trades published, {found.repeats:,} were there"
    if found.why is not None:
        told = f"{found.what}: nothing could be read: {found.why}"
    screen.console.print(escape(told), highlight=False, soft_wrap=True)


def consume(
    broker: _BrokerOption = None,
    to: Annotated[
        Optional[Literal["duckdb", "bigquery"]],
        typer.Option(help="The warehouse; by default the settings'."),
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when nothing comes any more.")] = False,
    lake: LakeOption = None,
) -> None:
    """Write published trades into the table [bold]trade_stream[/], each exactly once.

    A message is acknowledged when its trade is on the disk: killed anywhere, none is lost, and what
    comes again is dropped by its id. What is no trade goes to the lake's dead letters, and is told;
    exit status 3 where that happened. Goes on until Ctrl-C or SIGTERM. [bold]sql[/] reads the table
    meanwhile.

    Example: [bold]crypto-assets consume --to duckdb[/]
    """
    from crypto_assets.doors.streams import subscription_of, trade_stream_of

    target, stream = lake_of(lake), _stream(broker, to)
    with contextlib.closing(trade_stream_of(target, stream, settings.load().bigquery)) as sink:
        found = run(
            target.layout,
            stream.name,
            functools.partial(subscription_of, stream),
            sink,
            Batch(stream.batch_rows, stream.batch_seconds),
            ended=_ended_by_signals(),
            until_empty=once,
            told=lambda one: _tell_consumed(one, target),
        )
    screen.console.print(f"{found.messages:,} messages, {found.new:,} trades new", highlight=False)
    if found.letters:
        raise typer.Exit(FAULT)


def _tell_consumed(found: Consumed, lake: Lake) -> None:
    if found.why is not None:
        screen.errors.print(escape(found.why), highlight=False, soft_wrap=True)
    if found.messages:
        told = f"{found.messages:,} messages, {found.new:,} trades new"
        screen.console.print(told, highlight=False, soft_wrap=True)
    if found.letters:
        where = lake.layout.root / "dead_letters"
        screen.errors.print(
            f"[yellow]{found.letters} messages could not be read[/]; verbatim in "
            f"{escape(str(where))}",
            highlight=False,
            soft_wrap=True,
        )


def _stream(
    broker: Literal["nats", "pubsub"] | None,
    to: Literal["duckdb", "bigquery"] | None,
) -> Stream:
    """Give the settings' stream with what the command line says.

    Raises:
        InvalidSettings: they lack what the broker needs.
    """
    found = settings.load().stream or Stream()
    found = msgspec.structs.replace(
        found,
        broker=broker or found.broker,
        warehouse=to or found.warehouse,
    )
    settings.hold_usable(found)
    return found


def _ended_by_signals() -> threading.Event:
    """Give what is set by Ctrl-C and SIGTERM; a batch that is under way comes to its end."""
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended
