"""The command ``fetch``, as a real process against a loopback exchange."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crypto_assets.exchange import FLAT_OUT, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition

DAY = Partition.of("binance", "BTCUSDT", "2025-02-28")
MARKET = random_market(["BTCUSDT"], DAY.start_us, 60, 20.0, 3)
FIRST, LAST = (int(MARKET.tapes["BTCUSDT"].ids[at]) for at in (0, -1))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crypto_assets.cli", "fetch", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_new_trades_are_fetched_and_told(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        ended = run("--symbol", "BTCUSDT", "--http-url", exchange.http_url)
        assert (ended.returncode, ended.stderr) == (0, "")
        count = LAST - FIRST + 1
        assert f"binance:BTCUSDT: {count:,} new trades of 2025-02-28" in ended.stdout
        assert Lake(tmp_path / "lake").coverage(DAY) == Coverage.of([(FIRST, LAST)])
        again = run("--symbol", "btcusdt", "--http-url", exchange.http_url, "--since=2025-02-28")
        assert (again.returncode, "0 new trades" in again.stdout) == (0, True)


def test_who_does_not_reach_the_newest_trade_says_why(tmp_path: Path) -> None:
    (tmp_path / "crypto-assets.toml").write_text("[incremental]\nmost_ids = 10\n")
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        ended = run("--symbol", "BTCUSDT", "--http-url", exchange.http_url)
    assert ended.returncode == 3
    assert "expected at most 10 new trades" in ended.stderr


def test_what_cannot_be_fetched_is_one_clear_line() -> None:
    for words, said in (
        (("--symbol=b/c",), "symbol 'B/C'"),
        (("--symbol=BTCUSDT", "--since=28.2.2025"), "expected YYYY-MM-DD"),
    ):
        ended = run(*words)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
        assert said in ended.stderr
