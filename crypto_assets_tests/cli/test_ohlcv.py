"""From an exchange to files: what the two commands say, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_assets import cli, settings
from crypto_assets.exchange import PAUSED, Market, Remote, random_market, run_in_thread

MIDNIGHT_US = 1_735_776_000_000_000
HOUR_US = 3_600_000_000
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(["BTCUSDT"], MIDNIGHT_US - HOUR_US, 30 * 3_600, 0.02, seed=3)


@pytest.fixture(scope="module")
def exchange(market: Market) -> Iterator[Remote]:
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exchange: Remote,
) -> Run:
    """Run a command as the installed script would; the settings name two instruments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(settings.LAKE_VARIABLE, str(tmp_path / "lake"))
    (tmp_path / settings.FILE).write_text(
        "[ohlcv]\n"
        'instruments = ["binance:BTC/USDT", "bybit:BTC/USDT:USDT"]\n'
        'intervals = ["15m"]\n'
        "[ohlcv.urls]\n"
        f'binance = "{exchange.http_url}"\n'
        f'bybit = "{exchange.http_url}"\n',
    )

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["crypto-assets", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_days_of_the_settings_are_fetched_and_exported(run: Run, tmp_path: Path) -> None:
    status, out, err = run("ohlcv", "--date", "2025-01-02")
    assert (status, err) == (0, "")
    assert out.count("96") == 2
    assert out.count("yes") == 2
    status, out, _ = run("ohlcv", "--date", "2025-01-02")
    assert (status, out.count("as it was")) == (0, 2)

    status, out, err = run("export", "--table", "ohlcv", "-o", "out")
    assert (status, err) == (0, "")
    assert "4 files in out, 4 of them written anew" in out
    assert (tmp_path / "out/ohlcv/15m/bybit/BTCUSDTPERP/BTCUSDTPERP_20250102.csv").exists()
    status, out, _ = run("export", "--table", "ohlcv", "-o", "out")
    assert "4 files in out, 0 of them written anew" in out
    status, out, _ = run(
        *("export", "--table", "ohlcv", "-o", "other", "--symbol", "bybit:BTC/USDT:USDT"),
        *("--format", "csv", "--layout", "exchange/interval"),
    )
    assert [path.name for path in (tmp_path / "other").rglob("*.csv")] == [
        "BTCUSDTPERP_20250102.csv",
    ]
    status, out, _ = run(
        *("sql", "--format", "csv"),
        "SELECT venue, symbol, count(*) FROM ohlcv WHERE interval = '15m' GROUP BY ALL ORDER BY 1",
    )
    assert out.splitlines()[1:] == ["binance,BTCUSDT,96", "bybit,BTCUSDTPERP,96"]


def test_a_day_that_goes_on_is_told_and_can_be_refused(run: Run, tmp_path: Path) -> None:
    words = ("--instrument", "bybit:BTC/USDT", "--interval", "1h")
    status, _, err = run("ohlcv", *words, "--date", "2025-01-02..2025-01-03")
    assert (status, err) == (0, "")
    status, _, err = run("export", "--table", "ohlcv", "-o", "out", "--complete-only")
    assert status == 3
    assert "unfinished ohlcv 1h bybit:BTCUSDT 2025-01-03: left out" in err
    assert len(list((tmp_path / "out").rglob("*.csv"))) == 1


def test_what_cannot_be_fetched_is_told_and_the_rest_is_stored(run: Run) -> None:
    words = ("--instrument", "bybit:XYZ/USDT", "--instrument", "bybit:BTC/USDT")
    status, out, err = run("ohlcv", *words, "--interval", "1h", "--date", "2025-01-02")
    assert status == 3
    assert "bybit:XYZ/USDT: expected a symbol that the exchange lists" in err
    assert "24" in out


def test_holes_are_warned_of(run: Run) -> None:
    words = ("--instrument", "bybit:BTC/USDT", "--interval", "15m", "--date", "2025-01-01")
    status, _, err = run("ohlcv", *words)
    assert status == 0
    assert "WARN bybit:BTCUSDT 2025-01-01 ohlcv_covers_the_day: 15m: 4 of 96" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ohlcv", "--date", "2025-01-02", "--interval", "1w"), "interval '1w'"),
        (("ohlcv", "--date", "2025-01-02", "--instrument", "BTCUSDT"), "instrument 'BTCUSDT'"),
        (("ohlcv", "--date", "2025-01-02", "--url", "bybit"), "EXCHANGE=ADDRESS"),
        (("export", "--table", "nothing", "-o", "x"), "table 'nothing'"),
        (("export", "--table", "ohlcv", "-o", "x", "--layout", "symbol"), "layout 'symbol'"),
        (("export", "--table", "ohlcv", "-o", "x", "--date", "2025-01-02..2025-01-01"), "before"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(run: Run, words: tuple[str, ...], said: str) -> None:
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert err.startswith("error ")
    assert said in err


def test_nothing_to_export_is_told(run: Run) -> None:
    status, out, _ = run("export", "--table", "trades", "-o", "x")
    assert status == 3
    assert "0 files" in out
