"""A real nats-server on loopback for the tests, started, killed and started again at will."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

BINARY = shutil.which("nats-server")


def require_nats() -> None:
    """Skip where the server or its client is not there."""
    pytest.importorskip("nats", reason="nats-py is not there: pip install 'crypto-assets[nats]'")
    if BINARY is None:
        pytest.skip("nats-server is not there: apt-get install nats-server")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class NatsServer:
    """One server with a store of its own; it keeps port and store when it is started again."""

    def __init__(self, store: Path, *extra: str) -> None:
        self._store, self._extra = store, extra
        self.port = _free_port()
        self.process = self._started()

    @property
    def shown(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"nats://{self.shown}"

    def _started(self) -> subprocess.Popen[bytes]:
        assert BINARY is not None
        where = ["-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self._store)]
        process = subprocess.Popen(
            [BINARY, *where, *self._extra],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return process
            assert process.poll() is None, "nats-server ended by itself"
            time.sleep(0.02)
        raise AssertionError("nats-server does not listen")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = self._started()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()


@contextlib.contextmanager
def nats_server(store: Path, *extra: str) -> Iterator[NatsServer]:
    """Run a server while the block runs."""
    require_nats()
    server = NatsServer(store, *extra)
    try:
        yield server
    finally:
        server.stop()
