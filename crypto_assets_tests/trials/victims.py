"""Processes that are killed: forked from a server that has imported everything already.

They are real processes and end by SIGKILL; only the seconds that Python takes to import are saved.
"""

from __future__ import annotations

import datetime as dt
import functools
import multiprocessing
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from crypto_assets.collector import Options, run
from crypto_assets.doors.streams import broker_of, subscription_of, trade_stream_of
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline import warehouse
from crypto_assets.pipeline.build import build_asset
from crypto_assets.pipeline.consume import Batch
from crypto_assets.pipeline.consume import consume as keep_consuming
from crypto_assets.pipeline.publish import keep_publishing
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.status import known_partitions
from crypto_assets.pipeline.warehouse import default_path, tables_of
from crypto_assets.settings import Stream

VENUE = "binance"

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "crypto_assets.collector.collect",
        "crypto_assets.pipeline.build",
        "crypto_assets.pipeline.segments",
        "crypto_assets.pipeline.status",
        "crypto_assets.pipeline.warehouse",
        "crypto_assets.doors.streams",
        "crypto_assets.pipeline.consume",
        "crypto_assets.pipeline.publish",
        "nats",
    ],
)


def collect(options: Options) -> None:
    """Record until the time is over."""
    raise SystemExit(run(options))


def ingest(root: Path) -> None:
    """Take every segment that waits."""
    lake = Lake(root)
    _, unreadable = take_segments(lake, VENUE, waiting(lake, VENUE))
    raise SystemExit(bool(unreadable))


def make(root: Path, symbol: str, assets: Sequence[str]) -> None:
    """Make some assets of every day of a symbol, one after the other, and judge them."""
    lake = Lake(root)
    for asset in assets:
        for partition in known_partitions(lake, symbol):
            build_asset(lake, asset, partition)


def refresh(root: Path) -> None:
    """Bring the warehouse of a lake up to date, with a table of every symbol in it."""
    lake = Lake(root)
    tables = tables_of({one.instrument for one in known_partitions(lake)}, VENUE)
    warehouse.refresh(lake, default_path(lake), tables, VENUE, dt.datetime.now(dt.UTC))


def publish(root: Path, stream: Stream) -> None:
    """Publish whatever is sealed, for ever."""
    keep_publishing(
        Lake(root),
        functools.partial(broker_of, stream),
        threading.Event(),
        lambda _: None,
        lambda _: None,
    )


def consume(root: Path, stream: Stream) -> None:
    """Write what is published, for ever."""
    lake = Lake(root)
    keep_consuming(
        lake.layout,
        stream.name,
        functools.partial(subscription_of, stream),
        trade_stream_of(lake, stream),
        Batch(stream.batch_rows, stream.batch_seconds),
        ended=threading.Event(),
    )


def started(work: Callable[..., None], *told: object) -> BaseProcess:
    """Begin some work in a process of its own."""
    process = _processes.Process(target=work, args=told)
    process.start()
    return process


def life(work: Callable[..., None], *told: object) -> float:
    """Let some work end by itself; gives the seconds it took."""
    begun = time.monotonic()
    process = started(work, *told)
    process.join()
    lasted = time.monotonic() - begun
    _hold_clean(process)
    return lasted


@dataclass(slots=True)
class Kills:
    """So many kills, at instants that are spread evenly over a life."""

    wanted: int
    chance: random.Random
    tenths: Counter[int] = field(default_factory=Counter)
    """How many came in which tenth of a life."""

    @property
    def are_done(self) -> bool:
        return self.tenths.total() >= self.wanted

    def hit(
        self,
        victim: BaseProcess,
        life: float,
        look: Callable[[BaseProcess], None] = lambda _: None,
    ) -> bool:
        """Kill a victim somewhere in its life, which is about so many seconds.

        ``look`` is called just before. False, and not counted, where it had ended by itself.
        """
        instant = self.chance.random()
        victim.join(instant * life)
        look(victim)
        victim.kill()
        victim.join()
        if victim.exitcode != -signal.SIGKILL:
            _hold_clean(victim)
            return False
        self.tenths[int(instant * 10)] += 1
        return True

    def told(self) -> str:
        """Say how they were spread."""
        return f"{self.tenths.total()} kills, by tenth of a life " + " ".join(
            str(self.tenths[tenth]) for tenth in range(10)
        )


def _hold_clean(process: BaseProcess) -> None:
    if process.exitcode != 0:
        raise AssertionError(f"expected the victim to end with 0, found {process.exitcode}")
