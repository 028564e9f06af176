"""A loopback exchange, settings that point to it, and the collectors that come of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets import settings
from crypto_assets.collector import Health, names, status
from crypto_assets.exchange import random_market, run_in_thread
from crypto_assets.lake import segments
from crypto_assets.lake.layout import Layout

SYMBOLS = ("BTCUSDT", "ETHUSDT")
VENUE = "binance"


class Live:
    """One lake, and what is recorded into it."""

    def __init__(self, directory: Path, ws_url: str, http_url: str) -> None:
        self.lake = directory / "lake"
        self.layout = Layout(self.lake)
        self.urls = f'ws_url = "{ws_url}"\nhttp_url = "{http_url}"\n'
        self.ws_url, self.http_url = ws_url, http_url
        self._settings = directory / settings.FILE
        self.wants()

    def wants(self, *names_: str, more: str = "") -> None:
        """Write settings with these collectors of the exchange; by default there is ``main``."""
        tables = "".join(
            f"[collectors.{name}]\n{self.urls}{more}\n" for name in names_ or ("main",)
        )
        self._settings.write_text(f'lake = "{self.lake}"\nsymbols = ["BTCUSDT"]\n{tables}')

    def wants_nothing(self) -> None:
        """Write settings without a collector."""
        self._settings.write_text(f'lake = "{self.lake}"\n')

    @property
    def sessions(self) -> list[Health]:
        """Every session, by start."""
        return sorted(status(self.layout, VENUE), key=lambda session: session.started_ns)

    @property
    def living(self) -> list[Health]:
        """Those of a living process that has recorded a trade."""
        return [one for one in self.sessions if one.is_alive and one.last_ids]

    @property
    def growing(self) -> list[Path]:
        """The segments that are not sealed."""
        return segments.growing(self.layout, VENUE)

    def starts(self, *words: str) -> int:
        """Run ``collect --detach`` with these words; the process that records by then."""
        before = {one.pid for one in self.sessions}
        command = [sys.executable, "-m", "crypto_assets.cli", "collect", "--detach", *words]
        subprocess.run(command, check=True, capture_output=True)
        (pid,) = {one.pid for one in self.sessions} - before
        for _ in range(1000):
            if pid in {one.pid for one in self.living}:
                return pid
            time.sleep(0.01)
        raise AssertionError("it records nothing")

    def end(self) -> None:
        """Kill every process that is left."""
        for _ in range(100):
            pids = {one.pid for one in self.sessions if one.is_alive}
            for path in (self.lake / "collectors").glob("*.lock"):
                pids.add(names.holder(self.layout, path.stem) or 0)
            if not pids - {0}:
                return
            for pid in pids - {0}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


@contextlib.contextmanager
def recording(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """Run an exchange, have the settings point to it, and leave no process behind."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(settings.FILE_VARIABLE, str(directory / settings.FILE))
    monkeypatch.delenv(settings.LAKE_VARIABLE, raising=False)
    market = random_market(SYMBOLS, time.time_ns() // 1000, 3600, 40.0, 5)
    with run_in_thread(market) as exchange:
        found = Live(directory, exchange.ws_url, exchange.http_url)
        try:
            yield found
        finally:
            found.end()
