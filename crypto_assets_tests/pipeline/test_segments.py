"""What collectors have sealed is taken once, each segment, and nothing is asked for for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.lake import segments as recorded
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.segments import SegmentWriter
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build_assets
from crypto_assets.pipeline.segments import take_segments, touched, waiting
from crypto_assets.pipeline.status import status_of
from crypto_assets_tests.pipeline.conftest import recorded_trade

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")


def _segment(lake: Lake, session: str, ids: range, *, seal: bool = True) -> SegmentWriter:
    directory = recorded.directory(lake.layout, "binance", session)
    directory.mkdir(parents=True, exist_ok=True)
    writer = SegmentWriter(directory, recorded.segment_name(ids[0] * 10**9, 1), b"")
    writer.write(b"".join(recorded_trade(DAY, trade_id) for trade_id in ids))
    if seal:
        writer.seal()
    return writer


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_segments_are_taken_once_and_their_days_are_named(lake: Lake) -> None:
    _segment(lake, "one", range(10, 20))
    _segment(lake, "one", range(20, 30))
    paths = waiting(lake, "binance")
    assert len(paths) == 2
    taken, unreadable = take_segments(lake, "binance", paths)
    assert unreadable == {}
    assert touched(taken) == [DAY]
    assert waiting(lake, "binance") == []
    assert status_of(lake, DAY).rows == 20


def test_two_collectors_side_by_side_give_each_trade_once(lake: Lake) -> None:
    _segment(lake, "one", range(10, 30))
    _segment(lake, "two", range(10, 40))
    take_segments(lake, "binance", waiting(lake, "binance"))
    found = status_of(lake, DAY)
    assert (found.rows, found.missing) == (30, [])
    assert list(build_assets(lake, ["bars_1s"], [DAY])) == [("bars_1s", DAY)]


def test_a_segment_being_written_waits_until_it_is_sealed(lake: Lake) -> None:
    writer = _segment(lake, "one", range(10, 20), seal=False)
    assert waiting(lake, "binance") == []
    writer.seal()
    assert len(waiting(lake, "binance")) == 1


def test_what_is_sealed_while_others_are_taken_waits(lake: Lake) -> None:
    _segment(lake, "one", range(10, 20))
    paths = waiting(lake, "binance")
    _segment(lake, "one", range(20, 30))
    take_segments(lake, "binance", paths)
    (left,) = waiting(lake, "binance")
    assert left not in paths


def test_a_segment_nothing_can_be_read_of_is_set_aside_and_said(lake: Lake) -> None:
    _segment(lake, "one", range(10, 20))
    directory = recorded.directory(lake.layout, "binance", "one")
    broken = directory / recorded.segment_name(5 * 10**9, 2)
    broken.write_bytes(b"\0" * 500)
    taken, unreadable = take_segments(lake, "binance", waiting(lake, "binance"))
    assert len(taken) == 1
    assert list(unreadable) == [broken]
    assert waiting(lake, "binance") == []
    assert broken.with_name(broken.name + ".unreadable").read_bytes() == b"\0" * 500
