"""Emulators of others as processes on loopback: started on free ports, ended by their ids."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-emulators" / "bin" / "python"
STARTER = Path(__file__).with_name("bqemulator_offline.py")
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Emulator:
    """One that runs."""

    url: str
    grpc: str = ""
    gcs: Path = Path()
    """The directory that ``gs://`` leads to."""


def free_port() -> int:
    """Find a port nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def bigquery(directory: Path, project: str) -> Iterator[Emulator]:
    """Run bqemulator, without a file, while the block runs."""
    rest, grpc = free_port(), free_port()
    gcs = directory / "gcs"
    gcs.mkdir(parents=True)
    ports = ["--rest-port", str(rest), "--grpc-port", str(grpc)]
    command = [str(PYTHON), str(STARTER), "start", *ports, "--project", project]
    url = f"http://127.0.0.1:{rest}"
    with _running(command, directory, f"{url}/healthz", {"BQEMU_GCS_LOCAL_ROOT": str(gcs)}):
        yield Emulator(url, f"127.0.0.1:{grpc}", gcs)


@contextlib.contextmanager
def s3(directory: Path) -> Iterator[Emulator]:
    """Run moto's S3, in memory, while the block runs."""
    port = free_port()
    command = [str(PYTHON), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    directory.mkdir(parents=True)
    with _running(command, directory, f"{url}/moto-api/data.json", {}):
        yield Emulator(url)


@contextlib.contextmanager
def _running(
    command: Sequence[str],
    directory: Path,
    health: str,
    more: dict[str, str],
) -> Iterator[None]:
    if not PYTHON.exists():
        pytest.skip("the emulators are not installed: make warehouses does that")
    log = directory / "emulator.log"
    # The environment of the tests has PYTHONPATH: what it leads to is not the emulator's.
    environment = {**os.environ, **more, "PYTHONPATH": ""}
    with (
        log.open("wb") as file,
        subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdout=file,
            stderr=file,
        ) as process,
    ):
        try:
            _wait(process, health, log)
            yield
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        # A URLError is an OSError.
        with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"an emulator did not start:\n{log.read_text()[-2000:]}")
