"""A long recording under load while everything goes wrong, and the proof that nothing is missing.

The exchange and the collector are processes of their own, this one takes segments while they run.
When the market has stopped, what is missing is fetched by id.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crypto_assets.collector import Exit, Options
from crypto_assets.exchange import PAUSED, Counters, Pace
from crypto_assets.lake.inputs import Inputs
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.pipeline.heal import heal
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets_tests.trials.loopback import ROOT, Loopback, loopback, names
from crypto_assets_tests.trials.proof import (
    Held,
    doors_of,
    held,
    is_flat,
    not_exactly_once,
    plateaus,
)
from crypto_assets_tests.trials.recording import Collector, Memory, collecting, until

VENUE = "binance"
SYMBOLS = 50
PER_SECOND = 300.0
"""Trades of each symbol, and as many quotes: 30,000 messages a second."""
INGEST_EVERY_S = 15.0
FAULT_EVERY_S = 20.0
TAIL_S = 5.0
"""The market goes on for so long once all is well again: what comes after a symbol's last id nobody
can miss."""
FAULTS: dict[str, dict[str, object]] = {
    "500 trades left out": {"drop": 500},
    "hang-up without a word": {"hang_up": "abort"},
    "500 trades twice": {"duplicate": 500},
    "hang-up with a close frame": {"hang_up": "close"},
    "500 trades exchanged with their next": {"reorder": 500},
    "5 seconds of silence": {"silence_s": 5.0},
    "60 messages of garbage": {"garbage": 60},
    "serverShutdown announced": {"server_shutdown_s": 3.0},
    "hang-up, then 503 three times": {"hang_up": "abort", "refuse": 503, "refuse_times": 3},
}
"""In turn. One that cuts connections comes after one that does not: connections that are lost
within half a minute are back more and more slowly, as they must be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    figures: dict[str, str]
    """For people, in order."""
    faults: list[str]
    """What is not as it must be; empty where all is proven."""


def soak(minutes: float, lake: Lake, console: Console, seed: int) -> Outcome:
    """Run the trial in an empty lake."""
    seconds = minutes * 60
    with loopback(SYMBOLS, PER_SECOND, int(seconds) + 180, seed) as exchange:
        options = Options(
            lake=lake.layout.root,
            symbols=names(SYMBOLS),
            ws_url=exchange.ws_url,
            http_url=exchange.http_url,
            roll_seconds=15,
            overlap_seconds=0.5,
            stall_seconds=2,
            min_free_bytes=1,
        )
        with collecting(options) as collector, Memory(collector.process.pid) as memory:
            until(lambda: exchange.counters.connections, "the collector is connected")
            begun = time.monotonic()
            exchange.play(Pace())
            injected, unreadable = _disturbed(exchange, lake, seconds, console)
            until(lambda: _hears(collector, exchange), "the collector hears the market again")
            time.sleep(TAIL_S)
            exchange.play(PAUSED)
            lasted = time.monotonic() - begun
            counters = exchange.counters
            until(
                lambda: collector.has_seen({s: last for s, (_, last) in _issued(counters).items()}),
                "the collector has seen the last trades",
            )
            recorded = _recorded(collector)
            ended = collector.stop()
        unreadable |= take_segments(lake, VENUE, waiting(lake, VENUE))[1]
        before = {symbol: held(lake, symbol) for symbol in _issued(counters)}
        healing = time.monotonic()
        healed, left = _healed(lake, exchange)
        healing = time.monotonic() - healing
        after = {symbol: held(lake, symbol) for symbol in _issued(counters)}
    issued = _issued(counters)
    records = list(Inputs(lake.layout, VENUE))
    captures = [record for record in records if record.kind == "capture"]
    early, late = plateaus(memory.mb)
    ids = sum(last - first + 1 for first, last in issued.values())
    lost = sum(_missing(before[symbol], span) for symbol, span in issued.items())
    garbage = sum(record.unreadable + record.unknown for record in captures)
    repeated = sum(found.duplicates for found in before.values())
    disordered = sum(found.disordered for found in before.values())
    figures = {
        "lasted": f"{lasted:,.0f} s, {len(issued)} symbols, trades and quotes",
        "sent": f"{sum(counters.frames.values()):,} messages",
        "recorded": f"{recorded:,} messages, {recorded / lasted:,.0f} a second",
        "faults injected": f"{sum(injected.values())} ({len(injected)} kinds)",
        "connections opened": f"{counters.opened}",
        "cut for being slow": f"{counters.cuts.get('slow consumer', 0)}",
        "segments taken": f"{len(captures)}",
        "ids issued": f"{ids:,}",
        "lost on the wire": f"{lost:,}",
        "healed": f"{healed:,} in {healing:,.0f} s, {len(records) - len(captures)} stretches",
        "left missing": f"{left:,}",
        "repeated": f"{repeated:,}",
        "out of order": f"{disordered:,}",
        "unreadable or unknown": f"{garbage:,}",
        "collector, peak": f"{max(memory.mb):,.0f} MB",
        "collector, second and last fifth": f"{early:,.1f} MB, {late:,.1f} MB",
    }
    faults = [
        f"{symbol}: {fault}"
        for symbol, span in issued.items()
        for fault in not_exactly_once(after[symbol], span)
    ]
    faults += [f"{path.name}: {why}" for path, why in unreadable.items()]
    expected = {
        "every symbol was traded": len(issued) == SYMBOLS,
        "the collector ended when it was asked to": ended == Exit.DONE,
        "exactly what was lost was healed": lost == healed and not left,
        "memory is flat": is_flat(memory.mb),
        "every kind of fault was injected": len(injected) == len(FAULTS),
        "connections were cut": counters.cuts.get("hang-up", 0) > 0,
        "the announced end was heard": any("serverShutdown" in found.ignored for found in captures),
        "connections were refused": counters.statuses.get(503, 0) > 0,
        "ids were lost on the wire": lost > 0,
        "rows were repeated": repeated > 0,
        "rows came out of order": disordered > 0,
        "garbage was found": garbage > 0,
    }
    faults += [f"expected that {says}" for says, holds in expected.items() if not holds]
    return Outcome(figures, faults)


def _disturbed(
    exchange: Loopback,
    lake: Lake,
    seconds: float,
    console: Console,
) -> tuple[Counter[str], dict[Path, str]]:
    """Take segments and let things go wrong in turn, for so long; each fault comes at least once.

    Gives how often each was injected, and the segments that could not be read.
    """
    every = min(FAULT_EVERY_S, seconds / (len(FAULTS) + 1))
    injected: Counter[str] = Counter()
    unreadable: dict[Path, str] = {}
    begun = time.monotonic()

    def inject() -> None:
        says = list(FAULTS)[injected.total() % len(FAULTS)]
        exchange.inject(FAULTS[says])
        injected[says] += 1
        console.print(f"{time.monotonic() - begun:6.0f} s  {says}", highlight=False)

    def ingest() -> None:
        unreadable.update(take_segments(lake, VENUE, waiting(lake, VENUE))[1])

    for at, act in _plan(every, seconds, inject, ingest):
        time.sleep(max(begun + at - time.monotonic(), 0))
        act()
    time.sleep(max(begun + seconds - time.monotonic(), 0))
    return injected, unreadable


def _plan(
    every: float,
    seconds: float,
    inject: Callable[[], None],
    ingest: Callable[[], None],
) -> Iterator[tuple[float, Callable[[], None]]]:
    """Say what is done when, in order."""
    faults = [(every * k, inject) for k in range(1, math.ceil(seconds / every))]
    takes = [(INGEST_EVERY_S * k, ingest) for k in range(1, int(seconds / INGEST_EVERY_S) + 1)]
    yield from sorted([*faults, *takes], key=lambda due: due[0])


def _issued(counters: Counters) -> dict[str, Range]:
    return {symbol: span for symbol, span in counters.issued.items() if span is not None}


def _hears(collector: Collector, exchange: Loopback) -> bool:
    """Whether one connection is recorded, and was at the last heartbeat."""
    health = collector.health
    is_heard = health is not None and health.connections > 0 and health.frames_per_second > 0
    return is_heard and exchange.counters.connections == 1


def _recorded(collector: Collector) -> int:
    return collector.health.frames if collector.health else 0


def _missing(found: Held, issued: Range) -> int:
    return len(Coverage.of([issued]) - found.coverage)


def _healed(lake: Lake, exchange: Loopback) -> tuple[int, int]:
    """Heal every day of every symbol; gives how many ids were fetched, and how many not."""
    doors = doors_of(exchange.http_url)
    found = [heal(lake, day, doors) for day in lake.layout.partitions("raw_trades")]
    return sum(one.count for one in found), sum(len(one.left) for one in found)


def show(outcome: Outcome, console: Console) -> None:
    """Print the figures, and what is not as it must be."""
    table = Table(title="Soak", title_justify="left", show_header=False)
    for name, value in outcome.figures.items():
        table.add_row(name, value)
    console.print(table)
    for fault in outcome.faults:
        console.print(f"[red]{fault}", highlight=False)


def keep(outcome: Outcome) -> Path:
    """Write the figures beside those of the measurements."""
    now = dt.datetime.now(dt.UTC)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        f"Soak of {now:%Y-%m-%d %H:%M} UTC, {machine}",
        "",
        "| | |",
        "|---|--:|",
        *(f"| {name} | {value} |" for name, value in outcome.figures.items()),
        "",
        *(outcome.faults or ["Every id issued is in the lake exactly once."]),
    ]
    target = ROOT / "bench" / "results" / f"soak-{now:%Y%m%dT%H%M%SZ}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
    return target
