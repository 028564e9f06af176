"""The demo keeps its promises, and says so when it does not."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from crypto_assets.demo import recorded, run, story
from crypto_assets.demo.proof import Claim
from crypto_assets.demo.report import Section
from crypto_assets.demo.teller import Teller
from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.status import status_of


def silent() -> Console:
    return Console(file=io.StringIO(), width=120)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_the_demo_keeps_every_promise_and_what_it_prints_works(tmp_path: Path) -> None:
    """The real thing, through Dagster, a collector and an exchange: about half a minute."""
    console, root = silent(), tmp_path / "lake"
    assert run(root, tmp_path / "out", console) == 0
    text = told(console)
    assert "NEXOUSDT 2024-07-24 complete 12,215 12796828 to 12809042 0 v1 stream" in text
    assert "NEXOUSDT 2024-07-24 degraded 12,158 12796828 to 12809042 57 no stream" in text
    assert "10 of 10 whole minutes" in text
    assert "ids 3733089955 to 3735683258" in text
    assert "exactly the ones that were taken out" in text
    assert "The exchange issued 18,000 trade ids" in text
    assert "500 it did not deliver though the connection was open, exactly the ones" in text
    assert "259,200 one-second bars equal the exchange's own in every field" in text
    assert "All 21 claims hold." in text
    assert "✗" not in text

    page = (tmp_path / "out" / "NEXOUSDT-2024-07-24.html").read_text()
    assert "<svg" in page
    assert "class=bad" not in page
    assert (tmp_path / "out" / "NEXOUSDT-2024-07-24.png").read_bytes().startswith(b"\x89PNG")

    hours = query(Lake(root), story.SQL)
    assert hours.height == 24
    assert hours["trade_count"].sum() == 12_215
    sql, polars, ui = story.commands(Lake(root))
    assert f'"{story.SQL}"' in sql
    assert str(root) in ui
    code = polars.removeprefix('.venv/bin/python -c "').removesuffix('"')
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "12215" in found.stdout

    # A second time the lake has everything already; the damaged one is made anew.
    assert (tmp_path / "lake-damaged" / story.MARKER).exists()
    (tmp_path / "lake-damaged" / "left").touch()
    story._new_lake_beside(Lake(root), "damaged")
    assert not (tmp_path / "lake-damaged" / "left").exists()


def test_a_directory_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "lake-damaged" / "mine"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(InvalidName, match="found another"):
        run(tmp_path / "lake", tmp_path / "out", silent())
    assert mine.exists()
    assert not (tmp_path / "lake").exists()


def test_a_claim_that_does_not_hold_is_an_exit_of_1_and_is_told_again() -> None:
    console = silent()
    section = Section("", "", [Claim("fine", holds=True), Claim("the hash differs", holds=False)])
    assert story._conclude(Teller(console), [section], ["a run failed"]) == 1
    assert told(console) == "1 of 2 claims do not hold: ✗ the hash differs a run failed"


def test_on_a_narrow_terminal_no_number_is_cut_off(tmp_path: Path) -> None:
    day = status_of(Lake(tmp_path), recorded.BTC_EVENING)
    console = Console(file=io.StringIO(), width=80)
    Teller(console).days([(day, 2_593_304)])
    assert "2,593,304" in told(console)
    assert "…" not in told(console)
