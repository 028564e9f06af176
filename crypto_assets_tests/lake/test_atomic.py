"""A reader sees the old file or the new one, whatever happens to the writer."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crypto_assets.lake import atomic
from crypto_assets.lake.layout import Layout
from crypto_assets.model.partition import Partition

PARTITION = Partition.of("binance", "BTCUSDT", "2024-08-09")
BYTES = 300_000
REPLACES = """
import sys, itertools
from pathlib import Path
from crypto_assets.lake import atomic
target = Path(sys.argv[1])
print("ready", flush=True)
for turn in itertools.count():
    with atomic.replacing(target) as temporary, temporary.open("wb") as file:
        for _ in range(30):
            file.write(b"AB"[turn % 2:][:1] * 10_000)
"""
HOLDS = """
import sys, time
from pathlib import Path
from crypto_assets.lake import atomic
with atomic.locked(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""
OLD, NEW = b"A" * BYTES, b"B" * BYTES


def started(code: str, path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_writer_killed_at_any_instant_leaves_the_old_file_or_the_new_one_whole(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path)
    target = layout.file("raw_trades", PARTITION, "part")
    seen: set[bytes] = set()
    left = 0
    chance = random.Random(7)
    for _ in range(20):
        process = started(REPLACES, target)
        time.sleep(chance.uniform(0.002, 0.02))
        end(process)
        assert layout.files("raw_trades", PARTITION) in ([], [target])
        if target.exists():
            content = target.read_bytes()
            assert content in (OLD, NEW)
            seen.add(content)
        left += len(list(target.parent.glob(".*.tmp")))
    assert seen == {OLD, NEW}
    assert left, "no kill fell into the middle of a write: nothing was tried"
    # Each writer has removed what the one before it left, and the last one's is removed now.
    assert len(list(target.parent.glob(".*.tmp"))) <= 1
    atomic.write_bytes(target, b"done")
    assert [path.name for path in target.parent.iterdir()] == ["part.parquet"]


def test_a_temporary_file_is_never_taken_for_a_file_of_the_partition(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    target = layout.file("raw_trades", PARTITION, "part")
    with atomic.replacing(target) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.parent == target.parent
        assert layout.files("raw_trades", PARTITION) == []
        assert list(layout.partitions("raw_trades")) == []
    assert layout.files("raw_trades", PARTITION) == [target]


def test_a_writer_that_lives_keeps_its_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    with atomic.replacing(target) as slow:
        slow.write_bytes(b"slow")
        atomic.write_bytes(target, b"quick")
        assert slow.exists()
        assert target.read_bytes() == b"quick"
    assert target.read_bytes() == b"slow"


def test_what_is_left_of_another_file_is_not_touched(tmp_path: Path) -> None:
    for name in (".xy.parquet.0.tmp", ".x.parquet.0.tmp.keep", "x.parquet.0.tmp"):
        (tmp_path / name).write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    atomic.write_bytes(tmp_path / "x.parquet", b"")
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "x.parquet"])


def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    atomic.write_bytes(target, b"old")
    stat = target.stat()
    with pytest.raises(TypeError), atomic.replacing(target) as temporary:
        temporary.write_bytes(b"new" + len(temporary.name))  # type: ignore[operator]
    assert target.read_bytes() == b"old"
    assert target.stat().st_mtime_ns == stat.st_mtime_ns
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_removes_its_file_replaces_nothing(tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    atomic.write_bytes(target, b"old")
    with atomic.replacing(target) as temporary:
        temporary.unlink()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_the_same_file_and_takes_the_place_of_another(tmp_path: Path) -> None:
    source, target = tmp_path / "part", tmp_path / "sealed" / "day"
    source.write_bytes(b"rows")
    atomic.write_bytes(target, b"old")
    atomic.link(source, target)
    assert target.samefile(source)
    atomic.link(source, target)
    assert target.samefile(source)
    assert list(target.parent.iterdir()) == [target]


def test_replacing_a_part_leaves_the_sealed_file_linked_to_it(tmp_path: Path) -> None:
    source, target = tmp_path / "part", tmp_path / "day"
    source.write_bytes(b"rows")
    atomic.link(source, target)
    atomic.write_bytes(source, b"others")
    assert target.read_bytes() == b"rows"


def test_a_link_that_cannot_be_made_becomes_a_copy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    source, target = tmp_path / "part", tmp_path / "day"
    source.write_bytes(b"rows")
    monkeypatch.setattr(os, "link", refuse)
    atomic.link(source, target)
    assert target.read_bytes() == b"rows"
    assert not target.samefile(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day", "part"]


def test_a_lock_keeps_other_processes_out_until_its_holder_is_gone(tmp_path: Path) -> None:
    holder = started(HOLDS, tmp_path / "input")
    descriptor = os.open(tmp_path / "input", os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end(holder)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        end(holder)
        os.close(descriptor)


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic.locked(tmp_path):
        raise ZeroDivisionError
    with atomic.locked(tmp_path):
        pass
