"""``warehouse`` and the examples of ``sql``: what they say, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from crypto_assets import cli, settings
from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Run:
    """Run a command on a lake of this test as the installed script would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(settings.LAKE_VARIABLE, str(tmp_path / "lake"))

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["crypto-assets", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        sys.stdout.flush()
        said = capfdbinary.readouterr()
        return Ended(int(ended.value.code or 0), said.out.decode(), said.err.decode())

    return call


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one sealed day of three trades."""
    path = tmp_path / "NEXOUSDT-trades-2024-07-24.csv"
    at = DAY.start_us // 1_000
    path.write_text("".join(f"{n},1.5,2.0,3.0,{at + n * 1_000},True,True\n" for n in range(3)))
    found = Lake(tmp_path / "lake")
    take(found, path)
    build(found, [DAY])
    return found


def test_a_refresh_tells_what_it_loaded_and_the_next_one_that_nothing_changed(
    run: Run, lake: Lake, tmp_path: Path
) -> None:
    Path("crypto-assets.toml").write_text(
        '[warehouse]\npath = "db/w.duckdb"\ntables = ["NEXOUSDT"]\n',
    )
    first = run("warehouse")
    path = tmp_path / "db" / "w.duckdb"
    assert first.status == 0
    assert first.out.splitlines() == [
        f"{path}: refreshed, 21 views",
        "trades_nexousdt: 3 rows",
        "1 days loaded, 0 unchanged",
    ]
    assert run("warehouse").out.splitlines()[0::2] == [
        f"{path}: unchanged, 21 views",
        "0 days loaded, 1 unchanged",
    ]
    with closing(duckdb.connect(path, read_only=True)) as connection:
        assert connection.execute("SELECT count(*) FROM trades_nexousdt").fetchall() == [(3,)]


def test_a_damaged_sealed_file_is_told_and_ends_with_3(run: Run, lake: Lake) -> None:
    file = lake.layout.file("daily_trades", DAY)
    sidecar_of(file).write_text(f"{'0' * 64}  {file.name}\n")
    ended = run("warehouse", "--table", "NEXOUSDT")
    assert ended.status == 3
    assert "binance:NEXOUSDT 2024-07-24: expected sha256 000" in ended.err


def test_a_table_that_is_no_symbol_is_one_clear_line(run: Run, lake: Lake) -> None:
    ended = run("warehouse", "--table", "x'; DROP TABLE y; --")
    assert ended.status == 1
    assert "expected 2 to 40 upper-case letters and digits" in ended.err


def test_examples_are_listed_and_run(run: Run, lake: Lake) -> None:
    listed = run("sql", "--list-examples").out
    assert "daily_vwap: The volume-weighted average price of every day" in listed
    asked = ("--symbol", "nexousdt", "--date", "2024-07-24", "--format", "csv")
    found = run("sql", "--example", "daily_vwap", *asked).out.splitlines()
    assert found[1].startswith("binance,NEXOUSDT,2024-07-24,")
    assert found[1].endswith(",3,6.00000000,9.00000000,1.5")
    other = run("sql", "--example", "daily_vwap", "--symbol", "bybit:NEXOUSDT", "--format", "csv")
    assert len(other.out.splitlines()) == 1
    assert "expected one of bars_against_klines" in run("sql", "--example", "none").err


def test_a_file_is_asked_as_a_statement_is(run: Run, lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "asked.sql"
    file.write_text("-- how many\nSELECT count(*) AS n FROM trades\n")
    assert run("sql", "-f", str(file), "--format", "csv").out == "n\n3\n"


def test_a_file_that_cannot_be_read_is_one_clear_error(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "asked.sql"
    missing = run("sql", "-f", str(file))
    assert missing.status == 2
    assert "does not exist" in missing.err
    file.write_bytes(b"SELECT '\xff'")
    garbled = run("sql", "-f", str(file))
    assert garbled.status == 1
    assert "expected text in UTF-8" in garbled.err
    assert "Traceback" not in garbled.err


def test_a_range_that_is_not_proven_is_one_clear_error(run: Run, lake: Lake) -> None:
    ended = run("sql", "SELECT 1 FROM complete_trades('NEXOUSDT', '2024-07-24', '2024-07-25')")
    assert ended.status == 1
    assert "expected every day proven" in ended.err
    assert "2024-07-25 missing" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("words", [(), ("SELECT 1", "--example", "returns"), ("x", "-f", "y.sql")])
def test_anything_but_one_question_is_a_bad_option(words: tuple[str, ...], run: Run) -> None:
    ended = run("sql", *words)
    assert ended.status == 2
