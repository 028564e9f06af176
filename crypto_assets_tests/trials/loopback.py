"""The loopback exchange as a process of its own, and how a trial speaks to it.

The process: ``python -m crypto_assets_tests.trials.loopback SYMBOLS PER_SECOND SECONDS SEED``. It
stands still until it is told to play, and prints its port once it listens.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crypto_assets.exchange import PAUSED, Counters, Limits, Pace, random_market, run_in_thread

ROOT = Path(__file__).resolve().parents[2]
GENEROUS = Limits(weight_per_minute=100_000_000, backlog_bytes=64 << 20)
"""A heal in a hurry, and a listener that shares its cores with the exchange, are not cut off."""


def names(count: int) -> tuple[str, ...]:
    """Make up symbols."""
    return tuple(f"COIN{number:02d}USDT" for number in range(count))


@dataclass(frozen=True, slots=True)
class Loopback:
    """An exchange in another process, spoken to over its control addresses."""

    port: int

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def counters(self) -> Counters:
        return msgspec.json.decode(self._ask("/_control"), type=Counters)

    def inject(self, switches: Mapping[str, object]) -> None:
        self._ask("/_control/faults", msgspec.json.encode(switches))

    def play(self, pace: Pace) -> None:
        self._ask("/_control/pace", msgspec.json.encode(pace))

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.http_url}{path}", body)
        # No proxy of the environment is asked for what is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            found: bytes = answer.read()
        return found


@contextmanager
def loopback(symbols: int, per_second: float, seconds: int, seed: int) -> Iterator[Loopback]:
    """Run a made-up market from now on in a process of its own while the ``with`` lasts."""
    told = [str(value) for value in (symbols, per_second, seconds, seed)]
    process = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, *told],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline()
        if not port:
            raise RuntimeError("expected the port of the exchange, it has ended without one")
        yield Loopback(int(port))
    finally:
        process.kill()
        process.communicate()


def serve(symbols: int, per_second: float, seconds: int, seed: int) -> None:
    """Run the exchange until this process is killed."""
    start_us = time.time_ns() // 1000
    market = random_market(names(symbols), start_us, seconds, per_second, seed)
    with run_in_thread(market, pace=PAUSED, limits=GENEROUS) as exchange:
        print(exchange.http_url.rpartition(":")[2], flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
