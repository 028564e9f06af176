"""Thirty symbol-days backfilled by a real Dagster, as its UI asks for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto_assets.exchange import FLAT_OUT, Remote, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline import revisions, verdicts
from crypto_assets.pipeline.status import status_of
from crypto_assets_tests.published import SYMBOLS, History, know_symbols

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 1_500
_LAUNCH = """mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
_STATUS = """query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""
_ADD = """mutation Add($repository: RepositorySelector!, $symbol: String!) {
  addDynamicPartition(
    repositorySelector: $repository, partitionsDefName: "symbols", partitionKey: $symbol
  ) { __typename }
}"""
_RUN = """mutation Run($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_RUN_STATUS = """query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""


@dataclass(frozen=True)
class UI:
    """A running Dagster, asked as its pages ask it."""

    url: str

    def ask(self, query: str, variables: Mapping[str, object]) -> dict[str, dict[str, str]]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql",
            body,
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return dict(found["data"])

    def add_symbol(self, symbol: str) -> None:
        """Add a partition, as the button *Add a partition* does."""
        variables = {
            "repository": {
                "repositoryName": "__repository__",
                "repositoryLocationName": "crypto_assets",
            },
            "symbol": symbol,
        }
        added = self.ask(_ADD, variables)["addDynamicPartition"]
        # The sensor that knows the symbols of the lake may have been quicker.
        assert added["__typename"] in (
            "AddDynamicPartitionSuccess",
            "DuplicateDynamicPartitionError",
        )

    def backfill(self, keys: list[str]) -> str:
        """Ask for every asset of partitions, and wait for the end; gives its status."""
        params = {
            "assetSelection": [{"path": [name]} for name in ASSETS],
            "partitionNames": keys,
        }
        launched = self.ask(_LAUNCH, {"params": params})["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return self._wait(
            lambda: self.ask(_STATUS, {"id": launched["backfillId"]})["partitionBackfillOrError"][
                "status"
            ],
        )

    def run(self, job: str, key: str) -> str:
        """Run a job of one partition, and wait for the end; gives its status."""
        date, symbol = key.split("|")
        tags = {
            "dagster/partition": key,
            "dagster/partition/date": date,
            "dagster/partition/symbol": symbol,
        }
        params = {
            "selector": {
                "pipelineName": job,
                "repositoryName": "__repository__",
                "repositoryLocationName": "crypto_assets",
            },
            "runConfigData": {},
            "executionMetadata": {
                "tags": [{"key": name, "value": value} for name, value in tags.items()],
            },
        }
        launched = self.ask(_RUN, {"params": params})["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = dict(launched["run"])["runId"]  # type: ignore[call-overload]
        return self._wait(lambda: self.ask(_RUN_STATUS, {"id": run_id})["runOrError"]["status"])

    def _wait(self, status: object) -> str:
        assert callable(status)
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE_S:
            found = str(status())
            if found not in ("REQUESTED", "QUEUED", "STARTING", "STARTED", "NOT_STARTED"):
                return found
            time.sleep(2)
        raise TimeoutError("the run did not end")


@contextlib.contextmanager
def dagster(home: Path, lake: Lake, exchange: Remote) -> Iterator[UI]:
    """Run ``dagster dev`` on a lake, with the loopback exchange's archive."""
    home.mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, home)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "CRYPTO_ASSETS_LAKE": str(lake.layout.root),
        "CRYPTO_ASSETS_ARCHIVE_URL": exchange.http_url,
        "PYTHONPATH": str(ROOT),
    }
    (home / "crypto-assets.toml").write_text(f'[healing]\nhttp_url = "{exchange.http_url}"\n')
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml"]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await(f"http://127.0.0.1:{port}/server_info", process)
            yield UI(f"http://127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_S / 5:
        assert process.poll() is None, "dagster dev has ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    raise TimeoutError(address)


def downloads(exchange: Remote) -> Counter[str]:
    """Count the whole files that were asked for, by path."""
    return Counter(
        one.path
        for one in exchange.requests
        if one.path.endswith(".zip") and one.status in (200, 206) and one.size
    )


def test_a_backfill_says_of_each_of_thirty_days_what_it_is(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    history = History()
    market = history.market()
    lake = Lake(tmp_path / "lake")
    keys = [f"{day.date}|{day.instrument.symbol}" for day in history.days]
    with run_in_thread(market, pace=FLAT_OUT, faults=history.faults(market)) as exchange:
        exchange.jump(history.day("BTCUSDT", 5).end_us + 3_600_000_000)
        know_symbols(lake, exchange, tmp_path)
        with dagster(tmp_path / "home", lake, exchange) as ui:
            for symbol in SYMBOLS:
                ui.add_symbol(symbol)
            begun = time.monotonic()
            ui.backfill(keys)
            seconds = time.monotonic() - begun
            found = {day: status_of(lake, day) for day in history.days}
            wanted = history.expected()
            why = {str(day): one for day, one in found.items() if one.condition != wanted[day]}
            assert {day: one.condition for day, one in found.items()} == wanted, why

            # Which of them is what, and why.
            cut = found[history.day("SOLUSDT", 4)]
            assert Coverage.of(cut.missing) == history.missing(market)
            proven, doubted = (
                {v.check: v for v in _verdicts(lake, history, symbol, number)}
                for symbol, number in (("ETHUSDT", 4), ("SOLUSDT", 2))
            )
            name = "what_differs_from_its_checksum_is_proven"
            assert proven[name].passed
            assert "its content is proven" in proven[name].message
            assert doubted[name].is_fault
            assert not doubted["archive_checksums_match"].passed

            # A second backfill downloads nothing.
            before = downloads(exchange)
            assert before
            ui.backfill(keys)
            assert downloads(exchange) == before
            assert {day: status_of(lake, day).condition for day in history.days} == (
                history.expected()
            )

            # What is published anew is taken anew.
            anew = history.day("ETHUSDT", 2)
            assert found[anew].version == 1
            exchange.inject(history.published_anew())
            assert ui.run("recheck", f"{anew.date}|ETHUSDT") == "SUCCESS"
            assert (status_of(lake, anew).condition, status_of(lake, anew).version) == (
                "confirmed",
                2,
            )
            (row,) = revisions.read(lake, anew).iter_rows(named=True)
            assert (row["added"], row["removed"], row["changed"]) == (0, 0, 3)
            assert exchange.counters.too_early == 0
    with capsys.disabled():
        count = Counter(history.expected().values())
        told = f"{len(keys)} symbol-days in {seconds:.0f} s: {dict(count)}"
        print(f"\nbackfill of {told}")  # noqa: T201


def _verdicts(lake: Lake, history: History, symbol: str, number: int) -> tuple[Verdict, ...]:
    stored = verdicts.read(lake, history.day(symbol, number))
    assert stored is not None
    return stored.verdicts
