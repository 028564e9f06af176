"""``prices`` and ``indicators``: what they say, and how they end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_assets import cli, settings
from crypto_assets.exchange import PAUSED, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

RECORDING = Path(__file__).resolve().parents[1] / "recordings" / "binance-nexousdt-2024-07-23.jsonl"
SECRET = "CG-0123456789abcdef"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Remote]:
    now_us = time.time_ns() // 1_000
    market = random_market(["BTCUSDT"], now_us - 300_000_000, 600, 1, seed=3)
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(now_us)
        yield remote


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exchange: Remote,
) -> Run:
    """Run a command as the installed script would; the settings name two coins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(settings.LAKE_VARIABLE, str(tmp_path / "lake"))
    monkeypatch.setenv(settings.DEMO_KEY_VARIABLE, SECRET)
    (tmp_path / settings.FILE).write_text(
        f'[prices]\ncoins = ["bitcoin", "usd-coin"]\nhttp_url = "{exchange.http_url}"\n',
    )
    exchange.inject({"prices_null": [], "prices_html": False, "refuse": None})

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["crypto-assets", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_prices_are_asked_for_stored_and_appended(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("prices", "--csv", "buffer.csv")
    assert status == 0
    assert "usd-coin" in out
    assert "2 lines appended to buffer.csv" in out
    status, out, _ = run("prices", "--csv", "buffer.csv")
    assert "0 lines appended" in out, "the exchange stands still: nothing is new"
    assert (tmp_path / "buffer.csv").read_text().count("\n") == 3
    status, out, _ = run("sql", "SELECT symbol FROM price_snapshots", "--format", "csv")
    assert out.splitlines() == ["symbol", "bitcoin", "usd-coin"]


def test_a_coin_that_is_left_out_is_named_and_ends_with_3(run: Run, exchange: Remote) -> None:
    exchange.inject({"prices_null": ["bitcoin"]})
    status, out, err = run("prices", "--coin", "bitcoin", "--coin", "dai")
    assert status == 3
    assert "dai" in out
    assert "left out bitcoin in usd: price: expected a number, found none" in err


def test_days_that_are_over_are_filled(run: Run) -> None:
    status, out, _ = run("prices", "--coin", "dai", "--date", "2026-01-02..2026-01-03")
    assert status == 0
    assert "24 prices are stored of 2026-01-03" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--coin", "../etc"], "coin '../etc': expected an id"),
        (["--currency", "US$"], "currency 'US$': expected 2 to 10"),
        (["--date", "2999-01-01"], "expected a day that is over"),
        (["--date", "2026-01-02", "--hourly"], "expected one of them, found both"),
        (["--date", "yesterday"], "expected YYYY-MM-DD"),
        (["--http-url", "http://api.example.com"], "expected https where a key is sent"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is(
    run: Run,
    exchange: Remote,
    words: list[str],
    said: str,
) -> None:
    before = len(exchange.requests)
    status, _, err = run("prices", *words)
    assert status == 1
    assert said in " ".join(err.split())
    assert len(exchange.requests) == before


def test_an_answer_that_is_none_ends_with_1(run: Run, exchange: Remote) -> None:
    exchange.inject({"prices_html": True})
    status, _, err = run("prices")
    assert status == 1
    assert "expected prices by coin" in err


def test_indicators_are_made_told_and_shown(run: Run, tmp_path: Path) -> None:
    lake, day = Lake(tmp_path / "lake"), Partition.of("binance", "NEXOUSDT", "2024-07-23")
    take(lake, RECORDING)
    build(lake, [day])
    status, out, err = run("indicators", "--symbol", "NEXOUSDT", "--date", "2024-07-23")
    assert (status, err) == (0, "")
    assert "1,849" in out
    status, out, _ = run("indicators", "--symbol", "NEXOUSDT", "--date", "2024-07-23")
    assert out.count("as it was") == 2
    count = "SELECT sum(trade_count) AS n FROM volume_profile"
    status, out, _ = run("sql", count, "--format", "csv")
    assert int(out.splitlines()[1]) > 0
    status, out, err = run("indicators", "--symbol", "NEXOUSDT", "--date", "2024-07-29")
    assert status == 3
    assert "nothing is stored, build the day first" in err
