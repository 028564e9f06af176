"""What the README points at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crypto_assets.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]


def test_every_test_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)`", README))
    assert len(named) > 30
    assert [
        name for name in sorted(named) if not (ROOT / "crypto_assets_tests" / name).is_file()
    ] == []


def test_its_table_has_every_command_and_no_other() -> None:
    table = README.partition("| command | what it does |\n|---|---|\n")[2].partition("\n\n")[0]
    cells = (re.match(r"\| (.+?) \|(?=[ ])", row.replace("\\|", "/")) for row in table.splitlines())
    told = {
        name.split()[0]
        for cell in cells
        if cell is not None
        for name in re.findall(r"`(.+?)`", cell[1])
    }
    callbacks = (command.callback for command in app.registered_commands)
    there = {
        command.name or getattr(callback, "__name__", "")
        for command, callback in zip(app.registered_commands, callbacks, strict=True)
    }
    assert told == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_linked_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []
