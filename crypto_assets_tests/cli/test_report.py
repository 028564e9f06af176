"""``report``: where pages go, what is said, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_assets import cli, settings
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.reported import GOOD, HEALED, archive

SYMBOL = GOOD.instrument.symbol
DATE = GOOD.date.isoformat()
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the command on a lake of two imported days, as the installed script would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(settings.LAKE_VARIABLE, str(tmp_path / "lake"))
    for day in (GOOD, HEALED):
        take(Lake(tmp_path / "lake"), archive(tmp_path, day))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["crypto-assets", "report", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_a_day_is_written_to_its_place_and_told(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("--symbol", SYMBOL, "--date", DATE)
    path = tmp_path / f"lake/reports/venue=binance/symbol={SYMBOL}/date={DATE}/report.html"
    assert status == 0
    assert out == f"{path}, {path.stat().st_size:,} bytes\n"
    assert run("--symbol", SYMBOL, "--date", DATE)[1].endswith("(nothing changed)\n")


def test_a_range_is_a_page_a_day(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("--symbol", SYMBOL.lower(), "--date", "2024-03-02..2024-03-04")
    assert status == 0
    assert len(out.splitlines()) == 3
    assert len(list((tmp_path / "lake/reports").rglob("report.html"))) == 3


def test_a_day_can_go_elsewhere(run: Run, tmp_path: Path) -> None:
    assert run("--symbol", SYMBOL, "--date", DATE, "-o", "out/day.html")[0] == 0
    assert f"{SYMBOL} on binance" in (tmp_path / "out/day.html").read_text()
    assert not (tmp_path / "lake/reports").exists()


@pytest.mark.parametrize("words", [(), ("--all",)])
def test_without_a_symbol_it_is_the_map_of_all_days(
    run: Run,
    tmp_path: Path,
    words: tuple[str, ...],
) -> None:
    status, out, _ = run(*words)
    assert status == 0
    assert out.startswith(str(tmp_path / "lake/reports/completeness.html"))
    assert SYMBOL in (tmp_path / "lake/reports/completeness.html").read_text()


def test_a_map_elsewhere_links_back_into_the_lake(run: Run, tmp_path: Path) -> None:
    run("--symbol", SYMBOL, "--date", DATE)
    assert run("--all", "-o", "map.html")[0] == 0
    assert '"reports":"lake/reports"' in (tmp_path / "map.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symbol", SYMBOL), "--symbol needs --date"),
        (("--date", DATE), "--all goes without"),
        (("--all", "--symbol", SYMBOL), "--all goes without"),
        (("--symbol", SYMBOL, "--date", "2024-03-01..2024-03-02", "-o", "x"), "found a range"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(
    run: Run,
    words: tuple[str, ...],
    said: str,
) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())


def test_a_name_that_is_none_is_told_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    status, _, err = run("--symbol", "../../etc", "--date", DATE)
    assert status == 1
    assert "expected 2 to 40" in err
    assert not (tmp_path / "lake/reports").exists()
