"""The commands: what they say, where they say it, and how they end."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from crypto_assets import __version__, cli, settings
from crypto_assets.cli.app import app
from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

DAY_MS = 1_721_779_200_000
DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")
KEYS = {
    "venue",
    "symbol",
    "date",
    "condition",
    "rows",
    "first_trade_id",
    "last_trade_id",
    "missing",
    "duplicates",
    "sources",
    "version",
    "sha256",
    "logical_hash",
}
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command on a lake of this test as the installed script would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(settings.LAKE_VARIABLE, str(tmp_path / "lake"))

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["crypto-assets", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return call


def archive(tmp_path: Path, *ids: int, torn: str = "") -> Path:
    rows = (f"{id_},1.5,2.0,3.0,{DAY_MS + id_ * 1_000},True,True\n" for id_ in ids)
    path = tmp_path / "NEXOUSDT-trades-2024-07-24.csv"
    path.write_text("".join(rows) + torn)
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one built day."""
    found = Lake(tmp_path / "lake")
    take(found, archive(tmp_path, *range(100, 150)))
    build(found, [DAY])
    return found


# What every command has.


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_of_itself(command: str) -> None:
    found = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert found.exit_code == 0
    assert f"crypto-assets {command}" in found.output
    assert "Example" in found.output


def test_without_a_command_all_are_listed() -> None:
    found = CliRunner().invoke(app, [], env={"COLUMNS": "200"})
    assert all(command in found.output for command in COMMANDS)


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").out == f"crypto-assets {__version__}\n"


def test_an_unknown_command_or_option_is_a_usage_error(run: Run) -> None:
    assert run("fly").status == 2
    assert run("status", "--colour").status == 2


def is_one_clear_line(ended: Ended, *words: str) -> bool:
    return (
        ended.status == 1
        and ended.out == ""
        and ended.err.startswith("error ")
        and ended.err.count("\n") == 1
        and all(word in ended.err for word in words)
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "--symbol", "../../etc"), "symbol '../../ETC'"),
        (("status", "--symbol", "[/bold]"), "symbol '[/BOLD]'"),
        (("status", "--symbol", "a b"), "such as BTCUSDT"),
        (("build", "--symbol", "BTC|X", "--date", "2024-07-24"), "symbol 'BTC|X'"),
        (("build", "--symbol", "BTCUSDT", "--date", "24.7.2024"), "expected YYYY-MM-DD"),
        (("build", "--symbol", "BTCUSDT", "--date", "2024-07-24..x"), "date 'x'"),
        (("build", "--symbol", "BTCUSDT", "--date", "2024-07-24..2024-07-23"), "before the first"),
        (("build", "--symbol", "BTCUSDT", "--date", "..2024-07-23"), "date ''"),
        (("build", "--symbol", "BTCUSDT", "--date", "9999-12-31"), "expected a day from"),
        (("build", "--symbol", "BTCUSDT", "--date", "0001-01-01"), "expected a day from"),
        (("sql", "SELECT 1", "--format", "xml"), "expected one of table, csv, json, parquet"),
        (("sql", "SELECT 1", "--format", "parquet"), "name it with -o"),
        (("sql", "COPY trades TO 'x'"), "expected one SELECT statement, found COPY"),
        (("sql", "SELECT * FROM read_text('/etc/passwd')"), "Permission Error"),
        (("import", "absent.csv"), "absent.csv: expected a file, found none"),
        (("import", "."), "expected a file, found none"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line_and_status_1(
    words: tuple[str, ...],
    said: str,
    run: Run,
) -> None:
    assert is_one_clear_line(run(*words), said)


def test_settings_that_cannot_be_used_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text("colour = 1")
    assert is_one_clear_line(run("status"), settings.FILE, "colour")


def test_a_disk_that_refuses_is_one_clear_line(run: Run, tmp_path: Path, lake: Lake) -> None:
    assert is_one_clear_line(run("sql", "SELECT 1", "-o", str(tmp_path)), "directory")
    (tmp_path / "file").write_text("")
    ended = run("import", str(archive(tmp_path, 1)), "--lake", str(tmp_path / "file" / "lake"))
    assert is_one_clear_line(ended, "Not a directory")


# import


def test_an_import_says_what_it_took(run: Run, tmp_path: Path) -> None:
    ended = run("import", str(archive(tmp_path, 1, 2, 3)))
    assert ended.status == 0
    assert ended.out == ("NEXOUSDT-trades-2024-07-24.csv: 3 raw_trades of NEXOUSDT 2024-07-24\n")
    again = run("import", str(archive(tmp_path, 1, 2, 3)))
    assert again.status == 0
    assert "already there, nothing changed" in again.out


def test_an_import_of_several_files_goes_on_after_a_bad_one(run: Run, tmp_path: Path) -> None:
    bad = [tmp_path / name for name in ("empty.gz", ".hidden", "[red]notes[bold].txt")]
    for path in bad:
        path.write_text("" if path.name == "empty.gz" else "x\n")
    ended = run("import", *map(str, bad), str(archive(tmp_path, 1)))
    assert ended.status == 1
    assert ended.err.count("error ") == 3
    assert "[red]notes[bold].txt" in ended.err
    assert "1 raw_trades of NEXOUSDT" in ended.out


def test_lines_kept_aside_are_shown_with_file_and_line(run: Run, tmp_path: Path) -> None:
    path = archive(tmp_path, 1, 2, torn="gar[/]bage\n" * 9)
    ended = run("import", str(path))
    assert ended.status == 1
    assert "2 raw_trades" in ended.out
    assert f"{path}:3: row of 1 fields, expected 6 or 7" in ended.err
    assert ended.err.count("kept aside") == 5
    assert "9 lines could not be read, 0 are of an unknown kind" in ended.err
    letters = tmp_path / "lake/dead_letters/venue=binance/NEXOUSDT-trades-2024-07-24.txt"
    assert str(letters) in ended.err
    assert letters.read_text().count("gar[/]bage") == 9


def test_an_unknown_venue_is_refused(run: Run, tmp_path: Path) -> None:
    ended = run("import", str(archive(tmp_path, 1)), "--venue", "mtgox")
    assert is_one_clear_line(ended, "venue 'mtgox': expected one of binance")


# status


def test_status_as_json_has_the_promised_keys(run: Run, lake: Lake) -> None:
    ended = run("status", "--json")
    assert ended.status == 0
    (day,) = json.loads(ended.out)
    assert set(day) >= KEYS
    assert (day["venue"], day["symbol"], day["date"]) == ("binance", "NEXOUSDT", "2024-07-24")
    assert (day["condition"], day["rows"]) == ("provisional", 50)
    assert (day["first_trade_id"], day["last_trade_id"]) == (100, 149)
    assert (day["missing"], day["duplicates"], day["sources"]) == ([], 0, {"archive": 50})
    assert day["version"] == 1
    assert len(day["sha256"]) == len(day["logical_hash"]) == 64
    assert sidecar_of(lake.layout.file("daily_trades", DAY)).read_text().startswith(day["sha256"])


def test_missing_ids_are_pairs(run: Run, tmp_path: Path) -> None:
    run("import", str(archive(tmp_path, 1, 2, 5, 9)))
    (day,) = json.loads(run("status", "--json").out)
    assert (day["condition"], day["missing"]) == ("degraded", [[3, 4], [6, 8]])
    assert (day["version"], day["sha256"]) == (None, None)


def test_status_is_a_table_for_people(run: Run, lake: Lake) -> None:
    ended = run("status")
    for word in ("NEXOUSDT", "2024-07-24", "provisional", "50", "100..149", "v1"):
        assert word in ended.out
    assert "day_edges_join" in ended.out


def test_status_of_one_symbol_leaves_the_others_out(run: Run, lake: Lake) -> None:
    assert len(json.loads(run("status", "--json", "--symbol", "nexousdt").out)) == 1
    assert json.loads(run("status", "--json", "--symbol", "BTCUSDT").out) == []


def test_an_empty_lake_is_said_to_be_empty(run: Run, tmp_path: Path) -> None:
    ended = run("status", "--lake", str(tmp_path / "[/none]"))
    assert ended.status == 0
    assert "nothing is stored yet" in ended.out
    assert json.loads(run("status", "--json").out) == []


# verify


def test_a_lake_nobody_touched_is_verified(run: Run, lake: Lake) -> None:
    ended = run("verify")
    assert (ended.status, ended.out) == (0, "2 sealed files checked, 0 wrong\n")


def test_a_changed_file_is_wrong_and_status_1(run: Run, lake: Lake) -> None:
    sidecar_of(lake.layout.file("daily_bars", DAY)).write_text("x")
    ended = run("verify")
    assert ended.status == 1
    assert "wrong daily_bars/venue=binance/symbol=NEXOUSDT/date=2024-07-24" in ended.out
    assert ended.out.endswith("2 sealed files checked, 1 wrong\n")


# sql


def test_sql_answers_in_every_form(run: Run, lake: Lake) -> None:
    statement = (
        "SELECT symbol, sum(quantity) AS q, 0.0::DECIMAL(9, 8) AS z FROM trades GROUP BY ALL"
    )
    assert json.loads(run("sql", statement, "--format", "json").out) == [
        {"symbol": "NEXOUSDT", "q": "100.00000000", "z": "0.00000000"},
    ]
    found = run("sql", statement, "--format", "csv").out
    assert list(csv.reader(io.StringIO(found))) == [
        ["symbol", "q", "z"],
        ["NEXOUSDT", "100.00000000", "0.00000000"],
    ]
    table = run("sql", statement).out
    assert "NEXOUSDT" in table
    assert "100.00000000" in table
    assert "0.00000000" in table
    assert "E-8" not in table


def test_sql_writes_a_file_where_it_is_told(run: Run, lake: Lake, tmp_path: Path) -> None:
    statement = "SELECT trade_id, price FROM trades ORDER BY trade_id"
    for form in ("csv", "json", "parquet"):
        target = tmp_path / "out" / f"x.{form}"
        ended = run("sql", statement, "--format", form, "-o", str(target))
        assert (ended.status, ended.out) == (0, "")
        assert "50 rows in" in ended.err
        assert target.exists()
    assert pl.read_parquet(tmp_path / "out" / "x.parquet").height == 50
    assert len(json.loads((tmp_path / "out" / "x.json").read_text())) == 50
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_long_result_is_cut_on_the_screen_and_says_so(run: Run, lake: Lake) -> None:
    out = run("sql", "SELECT * FROM range(60)").out
    assert "50 of 60 rows" in out


# build


def test_a_build_ends_with_3_where_a_day_has_a_fault(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    take(Lake(lake), archive(tmp_path, 1, 2, 9))
    words = ["build", "--symbol", "NEXOUSDT", "--date", "2024-07-24", "--lake", str(lake)]
    ended = subprocess.run(
        [sys.executable, "-c", "from crypto_assets.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 3, ended.stderr
    assert "degraded" in ended.stdout
    assert "trade_ids_are_contiguous" in ended.stderr
    assert "Traceback" not in ended.stderr
