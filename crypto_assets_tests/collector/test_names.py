"""Of a name there is one holder, until its process is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crypto_assets.collector import Options, names
from crypto_assets.errors import InvalidName
from crypto_assets.lake import segments
from crypto_assets.lake.layout import Layout

HOLD = """
import os, sys
from pathlib import Path
from crypto_assets.collector import names
from crypto_assets.lake.layout import Layout
with names.holding(Layout(Path(sys.argv[1])), "main") as is_alone:
    print(is_alone, os.getpid(), flush=True)
    sys.stdin.read()
"""


def test_a_name_is_held_by_one_process_until_that_is_killed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert names.holder(layout, "main") is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == f"True {other.pid}\n"
        assert names.holder(layout, "main") == other.pid
        with names.holding(layout, "main") as is_alone:
            assert not is_alone
        with names.holding(layout, "second") as is_alone:
            assert is_alone
        assert names.holder(layout, "main") == other.pid
        other.kill()
    # Its number is still in the file: that says nothing.
    assert (tmp_path / "collectors" / "main.lock").read_text() == f"{other.pid}\n"
    assert names.holder(layout, "main") is None
    with names.holding(layout, "main") as is_alone:
        assert is_alone


def test_a_held_name_is_no_session_and_no_segment(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with names.holding(layout, "main"):
        assert segments.sealed(layout, "binance") == segments.growing(layout, "binance") == []
        assert not (tmp_path / "segments").exists()


def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidName), names.holding(Layout(tmp_path), "../x"):
        pass


def test_what_is_recorded_has_one_digest_and_something_else_another(tmp_path: Path) -> None:
    one = Options(lake=tmp_path, symbols=("BTCUSDT", "ETHUSDT"))
    same = Options(lake=tmp_path / "x", symbols=("ETHUSDT", "BTCUSDT"), name="main", duration=1)
    assert one.digest == same.digest
    others = [
        Options(lake=tmp_path, symbols=("BTCUSDT",)),
        Options(lake=tmp_path, symbols=one.symbols, kinds=("trade",)),
        Options(lake=tmp_path, symbols=one.symbols, ws_url="ws://x"),
        Options(lake=tmp_path, symbols=one.symbols, http_url="http://x"),
        Options(lake=tmp_path, symbols=one.symbols, roll_seconds=1),
        Options(lake=tmp_path, symbols=one.symbols, venue="elsewhere"),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 7
