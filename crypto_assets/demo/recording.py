"""Collectors at work on a loopback exchange that misbehaves, while the demo goes on."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crypto_assets import settings
from crypto_assets.demo import recorded
from crypto_assets.exchange import FLAT_OUT, PAUSED, Market, Pace, Remote, random_market
from crypto_assets.exchange import run_in_thread as run_exchange
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.sources.archive import Archive
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveName

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
SECONDS = 20
PER_SECOND = 300
DROPPED = 500
REPEATED = 20
FAULTS: tuple[tuple[float, dict[str, object]], ...] = (
    (4, {"duplicate": REPEATED}),
    (8, {"drop": DROPPED}),
    (13, {"hang_up": "abort", "refuse": 503, "refuse_times": 2}),
)
"""What the exchange does wrong, and so many seconds after its market opened."""
_PATIENCE_S = 60
_STOP_S = 30


@dataclass(slots=True)
class Live:
    """Both recordings, under way or done."""

    lake: Lake
    exchange: Remote
    replayed: Remote
    today: dt.date
    ends: list[int] = field(default_factory=list)
    """The exit statuses of the collectors."""

    @property
    def days(self) -> list[Partition]:
        """The made-up market's day, by symbol."""
        return [Partition.of("binance", name, self.today.isoformat()) for name in SYMBOLS]

    def issued(self, day: Partition) -> Coverage:
        """The trade ids the exchange issued of a symbol."""
        found = self.exchange.counters.issued[day.instrument.symbol]
        return Coverage.of([found] if found else [])

    def dropped(self, day: Partition) -> Coverage:
        """The ids it left out of its stream though the connection was open."""
        return Coverage.of(self.exchange.counters.dropped.get(day.instrument.symbol, []))

    def publish(self, into: Path) -> list[Path]:
        """Let the day be over, and download what the exchange publishes: its own bars of it."""
        end_us = self.days[0].end_us
        self.exchange.jump(end_us + DAY_US // 2)
        archive, seconds = Archive(self.exchange.http_url), []
        for day in self.days:
            name = ArchiveName(day.instrument.symbol, "klines", "1s", day.date.isoformat())
            file = venue(day.instrument.venue).archive_file(name)
            path = archive.fetch(file, into) if file is not None else None
            seconds += [] if path is None else [path]
        return seconds


@contextlib.contextmanager
def recording(lake: Lake) -> Iterator[tuple[Live, threading.Thread]]:
    """Record a made-up market with faults, and a real day as fast as it can be sent.

    Each is recorded by a collector process of its own into the same lake. The thread given ends
    when both have ended.
    """
    today = dt.datetime.now(dt.UTC).date()
    midnight = Partition.of("binance", SYMBOLS[0], today.isoformat()).start_us
    market = random_market(SYMBOLS, midnight, SECONDS, PER_SECOND, seed=today.toordinal())
    with (
        run_exchange(market, pace=PAUSED) as exchange,
        run_exchange(_real_days(), pace=PAUSED) as replayed,
    ):
        live = Live(lake, exchange, replayed, today)
        thread = threading.Thread(target=_record, args=(live,), name="live")
        thread.start()
        try:
            yield live, thread
        finally:
            thread.join()


def _real_days() -> Market:
    """The recorded real days as a market."""
    frames = []
    for name in recorded.NEXO_CAPTURES:
        for block in blocks(recorded.path(name)):
            if isinstance(block, Block):
                found = venue("binance").decode_frames(block.data, block.first_line, last=False)
                frames.append(found)
    return Market.recorded(frames)


def _record(live: Live) -> None:
    """Run both collectors to their ends."""
    symbol = recorded.WHOLE_DAY.instrument.symbol
    with (
        _collector(live, live.exchange, SYMBOLS, ("trade", "bookTicker")),
        _collector(live, live.replayed, (symbol,), ("trade",)),
    ):
        _wait(live.replayed)
        live.replayed.play(FLAT_OUT)
        _wait(live.exchange)
        live.exchange.play(Pace())
        begun = time.monotonic()
        for after, fault in FAULTS:
            time.sleep(max(begun + after - time.monotonic(), 0))
            live.exchange.inject(fault)
        time.sleep(max(begun + SECONDS + 1 - time.monotonic(), 0))


def _wait(exchange: Remote) -> None:
    """Wait until a collector listens."""
    begun = time.monotonic()
    while not exchange.counters.connections and time.monotonic() - begun < _PATIENCE_S:
        time.sleep(0.05)


@contextlib.contextmanager
def _collector(
    live: Live,
    exchange: Remote,
    symbols: Sequence[str],
    streams: Sequence[str],
) -> Iterator[None]:
    """Run ``crypto-assets collect`` as a process of its own, and end it as a service would."""
    command = [sys.executable, "-c", "from crypto_assets.cli import main; main()", "collect"]
    command += ["--lake", str(live.lake.layout.root)]
    command += ["--ws-url", exchange.ws_url, "--http-url", exchange.http_url]
    command += [part for name in symbols for part in ("--symbol", name)]
    command += [part for name in streams for part in ("--stream", name)]
    log = live.lake.layout.root / f"collector-{symbols[0]}.log"
    # A proxy for the world is none for this machine.
    environment = {**settings.environment(), "NO_PROXY": "127.0.0.1"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)  # noqa: S603
        try:
            yield
        finally:
            process.terminate()
            live.ends.append(process.wait(_STOP_S))
