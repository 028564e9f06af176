"""From the lake to BigQuery and to Cloud Storage: what the two commands say, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_assets import cli, settings
from crypto_assets_tests import bigquery, gcs
from crypto_assets_tests.bigquery import PROJECT, Service
from crypto_assets_tests.defs.conftest import DAYS
from crypto_assets_tests.gcs import Storage

Run = Callable[..., tuple[int, str, str]]
DAY = ("--symbol", "BTCUSDT", "--date", DAYS[1])
ALL = ("--symbol", "BTCUSDT", "--date", f"{DAYS[0]}..{DAYS[2]}")


@pytest.fixture
def service() -> Iterator[Service]:
    with bigquery.serving() as found:
        yield found


@pytest.fixture
def storage() -> Iterator[Storage]:
    with gcs.serving() as found:
        yield found


@pytest.fixture
def run(
    three_days_copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command as the installed script would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(settings.LAKE_VARIABLE, str(three_days_copy))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["crypto-assets", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_a_day_is_loaded_and_then_unchanged(run: Run, service: Service) -> None:
    pytest.importorskip("google.cloud.bigquery", reason="the extra gcp is not installed")
    Path(settings.FILE).write_text(
        f'[bigquery]\nproject = "{PROJECT}"\nendpoint = "{service.url}"\n',
    )
    code, out, err = run("bigquery", *DAY)
    assert (code, err) == (0, "")
    into = f"of binance:BTCUSDT {DAYS[1]} v1 in test-project.crypto_assets"
    assert out.splitlines() == [
        f"daily_trades {into}.trades: 30 rows",
        f"daily_bars {into}.bars_1s: 86,400 rows",
    ]
    code, out, _ = run("bigquery", *ALL, "--asset", "daily_trades")
    assert code == 3
    assert out.splitlines() == [f"daily_trades {into}.trades: unchanged"]
    code, out, err = run("bigquery", *ALL, "--asset", "daily_trades", "--unproven")
    assert (code, err) == (0, "")
    assert out.count("30 rows") == 2


def test_days_that_stay_are_named(run: Run, service: Service) -> None:
    pytest.importorskip("google.cloud.bigquery", reason="the extra gcp is not installed")
    Path(settings.FILE).write_text(
        f'[bigquery]\nproject = "{PROJECT}"\nendpoint = "{service.url}"\n',
    )
    _, _, err = run("bigquery", *ALL)
    assert [line for line in err.splitlines() if line.startswith("not sent")] == [
        "not sent expected a day that is proven complete, found "
        f"binance:BTCUSDT {date}: provisional (an edge of the day is not proven)"
        for date in (DAYS[0], DAYS[2])
    ]


def test_a_day_is_put_and_then_unchanged(run: Run, storage: Storage) -> None:
    pytest.importorskip("gcsfs", reason="the extra gcp is not installed")
    to = ("--to", "gs://lake/prefix", "--endpoint", storage.url)
    code, out, err = run("upload", *DAY, *to)
    assert (code, err) == (0, "")
    assert [line.rpartition(": ")[2] for line in out.splitlines()] == ["put and verified"] * 4
    assert sorted(name.rpartition("/")[2] for name in storage.contents) == [
        "daily_bars.parquet",
        "daily_bars.parquet.sha256",
        "daily_trades.parquet",
        "daily_trades.parquet.sha256",
    ]
    code, out, _ = run("upload", *ALL, *to)
    assert code == 3
    assert [line.rpartition(": ")[2] for line in out.splitlines()] == ["unchanged"] * 4
    assert storage.puts == 4


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("bigquery", *DAY), 1, "expected [bigquery] with a project in the settings"),
        (("upload", *DAY), 1, "expected --to or [objects] to in the settings"),
        (("upload", *DAY, "--to", "ftp://x"), 1, "expected s3://bucket/prefix or gs://"),
        (
            ("upload", *DAY, "--to", "s3://bucket", "--endpoint", "http://example.com"),
            1,
            "expected https://",
        ),
        (("upload", *DAY, "--to", "gs://bucket", "--asset", "raw_trades"), 2, "expected some of"),
        (("upload", "--symbol", "x;", "--date", DAYS[1], "--to", "gs://bucket"), 1, "symbol"),
    ],
)
def test_what_cannot_be_is_said(words: tuple[str, ...], code: int, said: str, run: Run) -> None:
    found, _, err = run(*words)
    assert found == code
    assert said in " ".join(err.split())
