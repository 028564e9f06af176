"""The collector beside other projects' recorders on the same feed: ``python -m bench.live``.

Each recorder is a process of its own on one connection to the loopback exchange, which is another.
Flat out the exchange sends as fast as its one listener takes it; at a pace it sends a trade when
it is due. Rates come from what lies in a recorder's file and the instants beside it; lost is what
is missing there between other ids; processor time is the kernel's, without the start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from bench import peers
from bench.even import Addresses, Even
from bench.process import cpu_seconds, end, peak_mb, wait_until_idle
from bench.race import PROJECT
from bench.recorders import FLOOR, RECORDERS, Recorder
from bench.report import Table, machine, publish, wide
from bench.seen import Ints, Seen, seen

LISTENERS = PROJECT / "bench" / "listeners"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
MOST_PER_SECOND = 300_000
"""Of trades made up for a flat-out run, which only the fastest floors see the end of."""
CONNECT_SECONDS, SETTLE_SECONDS = 60, 1.5


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What every listener is told."""

    ws_url: str
    http_url: str
    directory: str
    symbols: tuple[str, ...]
    flush: bool
    """Each line at once, with a note of when it was in the file."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one recorder's run, or the median of several; counts are of all of them."""

    sent: int
    lost: int
    """Ids missing between others that were found."""
    held: int
    """Sent, and not in the file behind the last id there, when the feed stood still at the end."""
    per_second: float
    cpu_per_100k: float
    peak_mb: float
    received_ms: tuple[float, float]
    """From when a trade was due to when it was seen: median and 99th percentile."""
    kept_ms: tuple[float, float]
    load: float


class Control:
    """The exchange's own word."""

    def __init__(self, http_url: str) -> None:
        self._url = http_url

    def told(self) -> dict[str, Any]:
        """Ask what has happened so far."""
        with urllib.request.urlopen(f"{self._url}/_control") as answer:
            return dict(json.load(answer))

    def pace(self, **pace: object) -> None:
        """Play on at a pace."""
        data = json.dumps(pace).encode()
        urllib.request.urlopen(f"{self._url}/_control/pace", data).close()

    def offset_ns(self) -> int:
        """Measure how far this machine's clock is ahead of market time."""
        tries = []
        for _ in range(9):
            begun = time.time_ns()
            now_us = self.told()["now_us"]
            ended = time.time_ns()
            tries.append((ended - begun, (begun + ended) // 2 - now_us * 1_000))
        return int(min(tries)[1])


@contextlib.contextmanager
def _process(command: list[str], log: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a process, and end it; what it says goes to the log, or its output to whoever asks."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with (
        (log or Path(os.devnull)).open("w") as said,
        subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE if log is None else said,
            stderr=None if log is None else said,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            end(process)


@contextlib.contextmanager
def exchange(even: Even) -> Iterator[Addresses]:
    """Run an exchange in a process of its own."""
    with _process([sys.executable, "-m", "bench.even", msgspec.json.encode(even).decode()]) as run:
        assert run.stdout is not None
        yield msgspec.json.decode(run.stdout.readline(), type=Addresses)


def run(recorder: Recorder, even: Even, seconds: float, *, flat_out: bool, scratch: Path) -> Run:
    """Let one recorder record for some seconds."""
    with exchange(even) as found:
        order = Order(
            ws_url=found.ws_url,
            http_url=found.http_url,
            directory=str(scratch),
            symbols=SYMBOLS,
            flush=not flat_out,
        )
        told = {**msgspec.to_builtins(order), **recorder.asks}
        python = str(peers.interpreter()) if recorder.is_peer else sys.executable
        command = [python, str(LISTENERS / recorder.script), json.dumps(told)]
        control, log = Control(found.http_url), scratch / "log"
        with _process(command, log) as process:
            until = time.monotonic() + CONNECT_SECONDS
            while not control.told()["connections"]:
                assert process.poll() is None, f"{recorder.name} has ended: {log.read_text()}"
                assert time.monotonic() < until, f"{recorder.name} did not connect"
                time.sleep(0.1)
            # Those that subscribe once they are connected have done so by then.
            time.sleep(SETTLE_SECONDS)
            before = cpu_seconds(process.pid)
            control.pace(**({"flat_out": True} if flat_out else {"speed": 1.0}))
            time.sleep(seconds)
            stopped_ns = time.time_ns()
            offset_ns = control.offset_ns()
            control.pace(speed=0.0)
            wait_until_idle(process.pid)
            cpu, peak = cpu_seconds(process.pid) - before, peak_mb(process.pid)
            now = control.told()
            assert not now["cuts"], now["cuts"]
            end(process)
    left = seen(recorder, scratch)
    trades = even.of_aggregates(left.ids) if recorder.is_aggregate else left.ids
    sent, lost, once = sum(now["frames"].values()), _lost(even, trades), len(np.unique(trades))
    due_ns = even.due_us(trades) * 1_000 + offset_ns
    return Run(
        sent=sent,
        lost=lost,
        held=sent - once - lost,
        per_second=_rate(left, stopped_ns),
        cpu_per_100k=cpu / once * 100_000,
        peak_mb=peak,
        received_ms=_percentiles(left.received_ns - due_ns),
        kept_ms=_percentiles(left.kept_ns - due_ns),
        load=os.getloadavg()[0],
    )


def _lost(even: Even, trades: Ints) -> int:
    """Count the ids missing between the first and the last found of each symbol."""
    lost = 0
    for ids in even.by_symbol(np.unique(trades)):
        lost += int(ids[-1] - ids[0]) + 1 - len(ids) if len(ids) else 0
    return lost


def _rate(left: Seen, stopped_ns: int) -> float:
    """Count what was kept while the feed ran, over the time from the first frame until then."""
    kept = left.kept_ns[left.kept_ns <= stopped_ns]
    return len(kept) / (int(kept[-1] - left.received_ns[0]) / 1e9)


def _percentiles(ns: Ints) -> tuple[float, float]:
    median, high = np.percentile(ns / 1e6, (50, 99))
    return float(median), float(high)


def _median(runs: list[Run]) -> Run:
    def middle(*values: float) -> float:
        return statistics.median(values)

    return Run(
        sent=sum(one.sent for one in runs),
        lost=sum(one.lost for one in runs),
        held=sum(one.held for one in runs),
        per_second=middle(*(one.per_second for one in runs)),
        cpu_per_100k=middle(*(one.cpu_per_100k for one in runs)),
        peak_mb=middle(*(one.peak_mb for one in runs)),
        received_ms=(
            middle(*(one.received_ms[0] for one in runs)),
            middle(*(one.received_ms[1] for one in runs)),
        ),
        kept_ms=(
            middle(*(one.kept_ms[0] for one in runs)),
            middle(*(one.kept_ms[1] for one in runs)),
        ),
        load=middle(*(one.load for one in runs)),
    )


def measure(
    recorders: list[Recorder],
    even: Even,
    seconds: float,
    turns: int,
    *,
    flat_out: bool,
    console: Console,
) -> dict[str, Run]:
    """Let recorders record in turns, so that what else the machine does hits them all."""
    found: dict[str, list[Run]] = {one.name: [] for one in recorders}
    for turn in range(turns):
        for recorder in recorders:
            with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
                one = run(recorder, even, seconds, flat_out=flat_out, scratch=Path(scratch))
            found[recorder.name].append(one)
            console.print(
                f"turn {turn + 1}, {recorder.name}: {one.per_second:,.0f}/s, "
                f"{one.cpu_per_100k:.2f} s a 100,000, load {one.load:.1f}",
                style="dim",
                highlight=False,
            )
    return {name: _median(runs) for name, runs in found.items()}


def flat_out_table(found: dict[str, Run], seconds: float, turns: int) -> Table:
    """Lay out what recorders take at most."""
    table = Table(
        f"Flat out: trades of {len(SYMBOLS)} symbols, {seconds:g} s, median of {turns} turns",
        ("", "messages/s", "CPU s / 100,000", "x floor", "sent", "lost", "held", "MB", "load"),
        notes=[
            "Messages/s: kept while the feed ran, over the time from the first frame until then.",
            "Files of peers are buffered and never synced. Floors keep every frame in memory.",
            "cryptofeed's queue of frames has no bound: what it cannot keep in time is in memory.",
            "Lost: missing between other ids. Held: missing behind the last id found.",
            *_said(found),
        ],
    )
    floor = found.get(FLOOR.name)
    for name, one in found.items():
        table.rows.append(
            (
                name,
                f"{one.per_second:,.0f}",
                f"{one.cpu_per_100k:.2f}",
                f"{one.cpu_per_100k / floor.cpu_per_100k:.2f}" if floor else "",
                f"{one.sent:,}",
                f"{one.lost:,}",
                f"{one.held:,}",
                f"{one.peak_mb:.0f}",
                f"{one.load:.1f}",
            ),
        )
    return table


def paced_table(found: dict[str, Run], even: Even, seconds: float, turns: int) -> Table:
    """Lay out how late recorders are."""
    table = Table(
        f"At {even.per_second:,} messages/s, {seconds:g} s, median of {turns} turns: "
        "ms from when a trade is due",
        ("", "seen p50", "p99", "kept p50", "p99", "CPU s / 100,000", "lost", "held", "load"),
        notes=[
            "The exchange looks every 4 ms what is due: that is in every number, the floors' too.",
            "Seen: when the callback, of ours the collector, had the frame.",
            "Kept, of peers: each line flushed to the kernel; outlives the process, no power cut.",
            "Kept, of ours: synced once a second; outlives both, a kill loses what came since.",
            *_said(found),
        ],
    )
    for name, one in found.items():
        table.rows.append(
            (
                name,
                *(f"{ms:.1f}" for ms in (*one.received_ms, *one.kept_ms)),
                f"{one.cpu_per_100k:.2f}",
                f"{one.lost:,}",
                f"{one.held:,}",
                f"{one.load:.1f}",
            ),
        )
    return table


def _said(found: dict[str, Run]) -> list[str]:
    return [f"{one.name}: {one.says}." for one in RECORDERS if one.says and one.name in found]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of recording")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--per-second", type=int, default=5_000, help="messages of the paced runs")
    parser.add_argument("--only", choices=("flat-out", "paced"))
    parser.add_argument("--recorder", default="", help="only those with this in their name")
    options = parser.parse_args()
    console = wide()
    chosen = [one for one in RECORDERS if options.recorder in one.name]
    seconds, turns, tables = options.seconds, options.turns, []
    heading = f"The collector beside its peers; at start {machine()}"
    if options.only != "paced":
        even = Even(SYMBOLS, MOST_PER_SECOND, int(MOST_PER_SECOND * seconds))
        found = measure(chosen, even, seconds, turns, flat_out=True, console=console)
        tables.append(flat_out_table(found, seconds, turns))
    if options.only != "flat-out":
        # The raw data collection syncs every 10,000 messages and has no notion of a flush.
        chosen = [one for one in chosen if not one.asks.get("raw")]
        even = Even(SYMBOLS, options.per_second, int(options.per_second * (seconds + 5)))
        found = measure(chosen, even, seconds, turns, flat_out=False, console=console)
        tables.append(paced_table(found, even, seconds, turns))
    publish("live", heading, tables, console)


if __name__ == "__main__":
    main()
