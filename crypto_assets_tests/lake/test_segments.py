"""Recordings survive their writer, whatever kills it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.lake import segments
from crypto_assets.lake.blocks import Torn, blocks
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.segments import SegmentWriter, line, segment_name

NS = 1_723_161_601_273_000_000
NAME = segment_name(NS, 1)

# Writes numbered lines for ever and says how many are flushed.
WRITER = f"""
import sys
from pathlib import Path
from crypto_assets.lake.segments import SegmentWriter, line, segment_name
writer = SegmentWriter(Path(sys.argv[1]), segment_name({NS}, 1), b"")
number = 0
while True:
    lines = b"".join(line({NS} + n, b'{{"n":%d}}' % n) for n in range(number, number + 97))
    number += 97
    writer.write(lines)
    print(number, flush=True)
"""


def read(path: Path) -> tuple[list[bytes], str | None]:
    """The lines of a segment and how it is torn."""
    data, torn = b"", None
    for block in blocks(path):
        if isinstance(block, Torn):
            torn = block.reason
        else:
            data += block.data
    return data.splitlines(keepends=True), torn


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lake")


@pytest.fixture
def session(layout: Layout) -> Path:
    found = segments.directory(layout, "binance", "a")
    found.mkdir(parents=True)
    return found


def test_a_line_is_what_a_capture_has() -> None:
    assert line(NS, b'{"a":1}') == b'1723161601273000000 {"a":1}\n'


def test_a_frame_with_newlines_stays_one_line() -> None:
    assert line(NS, b'{"a":\n1}\n') == b'1723161601273000000 {"a": 1} \n'


def test_a_segment_is_named_after_its_start_and_number() -> None:
    assert NAME == "20240809T000001.273000Z-000001.jsonl.zst"


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_a_venue_or_session_that_is_a_path_is_refused(layout: Layout, name: str) -> None:
    with pytest.raises(InvalidName):
        segments.directory(layout, "binance", name)
    with pytest.raises(InvalidName):
        segments.directory(layout, name)


def test_a_sealed_segment_holds_every_line_and_is_whole(layout: Layout, session: Path) -> None:
    writer = SegmentWriter(session, NAME, line(NS, b"first"))
    lines = [line(NS + n, b"%d" % n) for n in range(1000)]
    writer.write(b"".join(lines[:300]))
    writer.write(b"".join(lines[300:]))
    assert segments.sealed(layout, "binance") == []
    path = writer.seal(line(NS, b"last"))
    assert segments.sealed(layout, "binance") == [path]
    assert segments.growing(layout, "binance") == []
    assert read(path) == ([line(NS, b"first"), *lines, line(NS, b"last")], None)
    assert writer.bytes == path.stat().st_size


def test_what_is_flushed_can_be_read_while_the_segment_grows(session: Path) -> None:
    writer = SegmentWriter(session, NAME, line(NS, b"first"))
    writer.write(line(NS, b"second"))
    found, torn = read(session / (NAME + segments.OPEN))
    assert (found, torn) == ([line(NS, b"first"), line(NS, b"second")], "zstd stream ends early")
    writer.seal()


def test_no_segment_is_written_over(session: Path) -> None:
    writer = SegmentWriter(session, NAME, b"")
    with pytest.raises(FileExistsError):
        SegmentWriter(session, NAME, b"")
    writer.seal()
    with pytest.raises(FileExistsError):
        SegmentWriter(session, NAME, b"")


def test_a_living_writers_segment_is_never_taken(layout: Layout, session: Path) -> None:
    writer = SegmentWriter(session, NAME, line(NS, b"first"))
    assert segments.recover(layout, "binance") == []
    writer.write(line(NS, b"second"))
    writer.seal()
    assert segments.recover(layout, "binance") == []
    assert len(segments.sealed(layout, "binance")) == 1


def test_a_file_without_a_byte_is_removed(layout: Layout, session: Path) -> None:
    (session / (NAME + segments.OPEN)).touch()
    assert segments.recover(layout, "binance") == []
    assert list(session.iterdir()) == []


def test_a_killed_writer_loses_only_what_was_not_flushed(layout: Layout) -> None:
    chance = random.Random(7)
    kills = 20
    sessions = [segments.directory(layout, "binance", f"s{n:02}") for n in range(kills)]
    flushed: list[int] = []
    for base in range(0, kills, 4):
        running = []
        for session in sessions[base : base + 4]:
            session.mkdir(parents=True)
            command = [sys.executable, "-c", WRITER, str(session)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        assert segments.recover(layout, "binance") == []
        for process in running:
            process.send_signal(signal.SIGKILL)
            output, _ = process.communicate()
            # A count that was cut off in the middle was not acknowledged.
            whole = output[: output.rfind("\n") + 1].split()
            flushed.append(int(whole[-1]) if whole else 97)
        found = segments.recover(layout, "binance")
        assert [path.parent for path in found] == sessions[base : base + 4]
    assert segments.growing(layout, "binance") == []
    for path, count in zip(segments.sealed(layout, "binance"), flushed, strict=True):
        lines, torn = read(path)
        whole_lines = [found for found in lines if found.endswith(b"\n")]
        assert torn is not None
        assert len(lines) - len(whole_lines) <= 1
        assert len(whole_lines) >= count
        assert whole_lines == [line(NS + n, b'{"n":%d}' % n) for n in range(len(whole_lines))]


def test_a_full_disk_keeps_what_was_flushed_and_seals_it(layout: Layout, session: Path) -> None:
    script = f"""
import resource, sys, os
from pathlib import Path
from crypto_assets.lake.segments import SegmentWriter, line
writer = SegmentWriter(Path(sys.argv[1]), sys.argv[2], line({NS}, b"first"))
writer.write(line({NS}, b"second"))
resource.setrlimit(resource.RLIMIT_FSIZE, (writer.bytes + 100, resource.RLIM_INFINITY))
try:
    writer.write(line({NS}, os.urandom(5000).hex().encode()))
except OSError as error:
    print(error.errno)
writer.seal(line({NS}, b"never"))
"""
    command = [sys.executable, "-c", script, str(session), NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "27"
    [path] = segments.sealed(layout, "binance")
    assert read(path) == (
        [line(NS, b"first"), line(NS, b"second")],
        "zstd stream ends early",
    )
