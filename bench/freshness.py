"""From a trade's arrival at the socket to its bar in SQL: ``python -m bench.freshness``.

Real processes: the loopback exchange at the pace of the clock, ``crypto-assets collect`` into a
lake of its own, and ``crypto-assets dev`` with the sensor switched on. Once a second the lake is
asked in SQL, as a user asks, which seconds have bars with trades; a trade is visible when its
second's bar first counts all trades of that second.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import numpy as np

from bench.process import cpu_seconds, end, tree
from bench.race import PROJECT
from bench.report import Table, machine, publish, wide
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.query import query

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
AIM_SECONDS = 90
START_SECONDS, GRACE_SECONDS = 120, 180
JOB, SENSOR = "take_segments", "sealed_segments"
COMMAND = [sys.executable, "-c", "from crypto_assets.cli import main; main()"]
_BARS = "SELECT symbol, ts_open, trade_count FROM bars_1s WHERE trade_count > 0"
_TRADES = """
    SELECT symbol, date_trunc('second', ts_event) AS ts_open, ts_recv, count(*) OVER w AS whole
    FROM trades WINDOW w AS (PARTITION BY symbol, date_trunc('second', ts_event))
"""
_START = """
    mutation ($selector: SensorSelector!) {
      startSensor(sensorSelector: $selector) { __typename }
    }
"""
_ASKED = "ASKED"
_PHASES = {
    (_ASKED, "PIPELINE_STARTING"): "in the queue",
    ("PIPELINE_STARTING", "PIPELINE_START"): "process started, definitions imported",
    ("PIPELINE_START", "STEP_START"): "the step prepared",
    ("STEP_START", "STEP_SUCCESS"): "the step: decode, commit, bars, judge",
    ("STEP_SUCCESS", "PIPELINE_SUCCESS"): "the run closed",
}


@dataclass(slots=True)
class Sampled:
    """When each second's bar was first seen with so many trades."""

    since: dict[tuple[str, dt.datetime], tuple[int, float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """What each look took."""

    def look(self, lake: Lake) -> None:
        """Ask the lake once."""
        begun = time.time()
        found = query(lake, _BARS)
        now = time.time()
        self.seconds.append(now - begun)
        for symbol, opened, count in found.iter_rows():
            known = self.since.get((symbol, opened))
            if known is None or known[0] != count:
                self.since[symbol, opened] = count, now


@dataclass(frozen=True, slots=True)
class Fresh:
    """What came of one trial."""

    roll: float
    late_s: np.ndarray
    """Of every trade: seconds from its arrival until it was visible."""
    invisible: int
    runs: list[float]
    """Seconds from asking for a run until it ended."""
    phases: dict[str, list[float]]
    ticks: list[float]
    failed: int
    cpu: dict[str, float]
    """Seconds of processor time for one of the clock."""
    looks: list[float]


def trial(roll: float, minutes: float, per_second: float, root: Path) -> Fresh:
    """Measure one setting from the ground up."""
    lake, home = Lake(root / "lake"), root / "home"
    home.mkdir(parents=True)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT / name, home)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "CRYPTO_ASSETS_LAKE": str(lake.layout.root),
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "TERM": "dumb",
    }
    symbols = [word for name in SYMBOLS for word in ("--symbol", name)]
    hours = str((minutes * 60 + START_SECONDS + GRACE_SECONDS + 60) / 3600)
    with contextlib.ExitStack() as up:
        port = _free_port()
        dev = up.enter_context(_started("dev", ["--port", str(port)], environment, home))
        _switch_on(port)
        asks = [*symbols, "--port", "0", "--hours", hours, "--per-second", str(per_second)]
        exchange = up.enter_context(_started("exchange", asks, environment, home))
        http, ws = _addresses(home / "exchange.log", exchange)
        asks = [*symbols, "--roll-seconds", str(roll), "--ws-url", ws, "--http-url", http]
        collect = up.enter_context(_started("collect", asks, environment, home))
        began, sampled = time.time(), Sampled()
        before = {"dev": _cpu(dev), "collect": _cpu(collect)}
        _watch(lake, sampled, began + minutes * 60)
        ended = time.time()
        wall = ended - began
        cpu = {
            "collect": (_cpu(collect) - before["collect"]) / wall,
            "Dagster with its runs": (_cpu(dev) - before["dev"]) / wall,
        }
        # What came until now may take as long as it takes; the collector goes on meanwhile.
        _watch_until_visible(lake, sampled, ended)
        late, invisible = _late(lake, sampled, ended)
        with contextlib.chdir(home), dg.DagsterInstance.from_config(str(home)) as instance:
            runs, phases, failed = _runs(instance)
            ticks = _ticks(instance)
    return Fresh(roll, late, invisible, runs, phases, ticks, failed, cpu, sampled.seconds)


@contextlib.contextmanager
def _started(
    name: str, asks: list[str], environment: dict[str, str], home: Path
) -> Iterator[subprocess.Popen[str]]:
    with (
        (home / f"{name}.log").open("w") as log,
        subprocess.Popen(
            [*COMMAND, name, *asks],
            cwd=home,
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            # Dagster's own processes end with SIGINT as by Ctrl-C.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            end(process)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _switch_on(port: int) -> None:
    """Switch the sensor on as the UI does, once Dagster is up."""
    selector = {
        "sensorName": SENSOR,
        "repositoryName": "__repository__",
        "repositoryLocationName": "crypto_assets",
    }
    asked = json.dumps({"query": _START, "variables": {"selector": selector}}).encode()
    until = time.monotonic() + START_SECONDS
    while True:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            asked,
            {"Content-Type": "application/json"},
        )
        answer = "no answer"
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            with urllib.request.urlopen(request) as response:
                answer = response.read().decode()
            if json.loads(answer)["data"]["startSensor"]["__typename"] == "Sensor":
                return
        assert time.monotonic() < until, answer
        time.sleep(1)


def _addresses(log: Path, exchange: subprocess.Popen[str]) -> tuple[str, str]:
    until = time.monotonic() + START_SECONDS
    while "ws://" not in (said := log.read_text()):
        assert exchange.poll() is None and time.monotonic() < until, said  # noqa: PT018
        time.sleep(0.2)
    http, _, ws, *_ = said[said.index("http://") :].replace(",", " ").split()
    return http, ws


def _cpu(process: subprocess.Popen[str]) -> float:
    return sum(cpu_seconds(pid) for pid in tree(process.pid))


def _watch(lake: Lake, sampled: Sampled, until: float) -> None:
    while time.time() < until:
        begun = time.monotonic()
        sampled.look(lake)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))


def _watch_until_visible(lake: Lake, sampled: Sampled, ended: float) -> None:
    until = time.time() + GRACE_SECONDS
    while time.time() < until:
        _watch(lake, sampled, time.time() + 1)
        newest = [
            max((opened for name, opened in sampled.since if name == symbol), default=None)
            for symbol in SYMBOLS
        ]
        # A bar opened well after the end holds what was in flight then.
        if all(one is not None and one.timestamp() > ended + 2 for one in newest):
            return


def _late(lake: Lake, sampled: Sampled, ended: float) -> tuple[np.ndarray, int]:
    """Join every trade's arrival with when its second became visible whole."""
    late, invisible = [], 0
    for symbol, opened, received, whole in query(lake, _TRADES).iter_rows():
        if received.timestamp() > ended:
            continue
        count, since = sampled.since.get((symbol, opened), (0, 0.0))
        if count == whole:
            late.append(since - received.timestamp())
        else:
            invisible += 1
    return np.array(late), invisible


def _runs(instance: dg.DagsterInstance) -> tuple[list[float], dict[str, list[float]], int]:
    took, failed = [], 0
    phases: dict[str, list[float]] = {}
    for record in instance.get_run_records(dg.RunsFilter(job_name=JOB)):
        if record.dagster_run.status is dg.DagsterRunStatus.FAILURE:
            failed += 1
        if record.end_time is None:
            continue
        at = {
            entry.dagster_event.event_type_value: entry.timestamp
            for entry in instance.all_logs(record.dagster_run.run_id)
            if entry.dagster_event is not None
        }
        at[_ASKED] = record.create_timestamp.timestamp()
        took.append(record.end_time - at[_ASKED])
        for (first, last), says in _PHASES.items():
            if first in at and last in at:
                phases.setdefault(says, []).append(at[last] - at[first])
    return took, phases, failed


def _ticks(instance: dg.DagsterInstance) -> list[float]:
    (state,) = (one for one in instance.all_instigator_state() if one.instigator_name == SENSOR)
    return [
        tick.end_timestamp - tick.timestamp
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        if tick.end_timestamp is not None
    ]


def tables(found: list[Fresh], minutes: float, per_second: float) -> list[Table]:
    """Lay out all trials."""
    fresh = Table(
        f"Seconds from a trade's arrival to its bar in SQL, {minutes:g} minutes each, "
        f"{len(SYMBOLS)} symbols of {per_second:g} trades/s and quotes/s",
        ("roll_seconds", "trades", "p50", "p90", "p99", "max", "aim", "not visible", "looks p50 s"),
    )
    costs = Table(
        "Runs, ticks and processor time",
        ("", *(f"roll {one.roll:g}" for one in found)),
    )
    for one in found:
        values = np.percentile(one.late_s, (50, 90, 99, 100))
        fresh.rows.append(
            (
                f"{one.roll:g}",
                f"{len(one.late_s):,}",
                *(f"{value:.1f}" for value in values),
                "met" if values[2] < AIM_SECONDS else "MISSED",
                f"{one.invisible:,}",
                f"{statistics.median(one.looks):.2f}",
            ),
        )
    fresh.notes.append(f"Aim: p99 under {AIM_SECONDS} s. The lake is looked at once a second.")
    costs.rows += [
        ("runs", *(f"{len(one.runs)} ({one.failed} failed)" for one in found)),
        ("run, asked for to ended: median, max s", *(_spread(one.runs) for one in found)),
        *(
            (f"  {says}", *(_spread(one.phases.get(says, [])) for one in found))
            for says in _PHASES.values()
        ),
        ("ticks", *(f"{len(one.ticks)}" for one in found)),
        ("tick: median, max s", *(_spread(one.ticks) for one in found)),
        *(
            (f"CPU s a second: {says}", *(f"{one.cpu[says]:.3f}" for one in found))
            for says in found[0].cpu
        ),
    ]
    return [fresh, costs]


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}, {max(values):.2f}" if values else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.freshness", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="of recording for each setting")
    parser.add_argument("--roll", type=float, nargs="+", default=[30, 45, 60], help="roll_seconds")
    parser.add_argument("--per-second", type=float, default=50, help="trades of each symbol")
    options = parser.parse_args()
    console = wide()
    heading = f"Freshness; at start {machine()}"
    found = []
    for roll in options.roll:
        with (
            console.status(f"roll_seconds {roll:g} ..."),
            tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch,
        ):
            found.append(trial(roll, options.minutes, options.per_second, Path(scratch)))
            console.print(f"roll_seconds {roll:g}: {machine()}", style="dim", highlight=False)
    publish(
        "freshness",
        heading,
        tables(found, options.minutes, options.per_second),
        console,
    )


if __name__ == "__main__":
    main()
