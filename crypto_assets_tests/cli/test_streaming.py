"""``publish`` and ``consume`` as real processes against a real nats-server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_assets.cli.app import app
from crypto_assets.errors import Terminal
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.broker import NatsServer, nats_server
from crypto_assets_tests.streamed import segment

CLI = [sys.executable, "-W", "error", "-m", "crypto_assets.cli"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats", "--auth", "s3cret") as found:
        monkeypatch.setenv("CRYPTO_ASSETS_NATS_URL", f"nats://s3cret@{found.shown}")
        yield found


def run(*words: str) -> subprocess.CompletedProcess[str]:
    found = subprocess.run([*CLI, *words], capture_output=True, text=True, check=False)
    assert "s3cret" not in found.stdout + found.stderr
    return found


def poison(server: NatsServer) -> None:
    async def published() -> None:
        import nats

        client = await nats.connect(f"nats://s3cret@{server.shown}")
        await client.jetstream().publish("trades.binance.BTCUSDT", b"no trade")
        await client.close()

    asyncio.run(published())


def test_recorded_trades_are_published_written_once_and_read(
    server: NatsServer,
    tmp_path: Path,
) -> None:
    segment(Lake(tmp_path / "lake"), "one", range(10, 30))
    ended = run("publish", "--once")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "20 trades published, 0 were there" in ended.stdout
    poison(server)
    ended = run("consume", "--once")
    assert ended.returncode == 3
    assert "21 messages, 20 trades new" in ended.stdout
    assert "1 messages could not be read" in ended.stderr
    found = run("sql", "--format=csv", "SELECT count(*) AS n, min(date) AS d FROM trade_stream")
    assert found.stdout == "n,d\n20,2025-03-04\n"


def test_who_is_asked_to_end_ends_well(server: NatsServer, tmp_path: Path) -> None:
    segment(Lake(tmp_path / "lake"), "one", range(10, 30))
    with (
        subprocess.Popen([*CLI, "publish"], stdout=subprocess.PIPE, text=True) as publisher,
        subprocess.Popen([*CLI, "consume"], stdout=subprocess.PIPE, text=True) as consumer,
    ):
        assert publisher.stdout is not None
        assert consumer.stdout is not None
        assert "20 trades published" in publisher.stdout.readline()
        assert "20 trades new" in consumer.stdout.readline()
        for one in (publisher, consumer):
            one.send_signal(signal.SIGTERM)
            assert one.wait(60) == 0


def test_a_broker_that_is_not_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTO_ASSETS_NATS_URL", "nats://s3cret@127.0.0.1:1")
    ended = run("publish", "--once")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "NATS at 127.0.0.1:1" in ended.stderr


def test_what_cannot_be_is_refused() -> None:
    for words, said in (
        (("publish", "--symbol", "BTCUSDT"), "expected both of --symbol and --date"),
        (("publish", "--broker", "pubsub", "--once"), "expected a project"),
    ):
        found = CliRunner().invoke(app, words)
        assert isinstance(found.exception, Terminal)
        assert said in str(found.exception)
    found = CliRunner().invoke(app, ["consume", "--to", "oracle"])
    assert (found.exit_code, "oracle" in found.output) == (2, True)


def test_a_missing_package_is_named_with_what_installs_it(tmp_path: Path) -> None:
    (tmp_path / "nats.py").write_text("raise ImportError('not here')\n")
    ended = subprocess.run(
        [*CLI, "consume", "--once"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )
    assert ended.returncode == 1
    assert "crypto-assets[nats]" in ended.stderr
