"""Every recorded trade is published, each input marked once the broker has it whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto_assets.errors import NothingStored, StreamLost
from crypto_assets.lake import streamed
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.segments import SegmentWriter, directory, segment_name
from crypto_assets.model.message import Message
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.publish import (
    keep_publishing,
    publish_day,
    publish_new,
    unpublished,
)
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets_tests.pipeline.conftest import recorded_trade
from crypto_assets_tests.streamed import DAY, segment

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


class Shelf:
    """A broker of the tests: keeps each id once, and fails where it is told to."""

    name = "test.trades"

    def __init__(self) -> None:
        self.kept: dict[str, Message] = {}
        self.fails_after: int | None = None
        self.closed = 0

    def publish(self, messages: Sequence[Message]) -> int:
        repeats = 0
        for message in messages:
            if self.fails_after is not None and len(self.kept) >= self.fails_after:
                raise StreamLost("told to")
            repeats += message.id in self.kept
            self.kept.setdefault(message.id, message)
        return repeats

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def ids(shelf: Shelf) -> list[int]:
    return [int(name.rpartition("/")[2]) for name in shelf.kept]


def test_segments_are_published_once_in_the_order_they_were_recorded(lake: Lake) -> None:
    segment(lake, "two", range(20, 30))
    segment(lake, "one", range(10, 20))
    shelf = Shelf()
    assert [one.trades for one in publish_new(lake, shelf)] == [10, 10]
    assert ids(shelf) == list(range(10, 30))
    assert publish_new(lake, shelf) == []
    segment(lake, "one", range(30, 40), 2)
    assert [one.trades for one in publish_new(lake, shelf)] == [10]


def test_a_segment_that_was_taken_meanwhile_is_the_same_input(lake: Lake) -> None:
    segment(lake, "one", range(10, 20))
    shelf = Shelf()
    publish_new(lake, shelf)
    take_segments(lake, "binance", waiting(lake, "binance"))
    assert unpublished(lake, shelf.name) == []
    segment(lake, "one", range(20, 30), 2)
    take_segments(lake, "binance", waiting(lake, "binance"))
    assert [one.trades for one in publish_new(lake, shelf)] == [10]
    assert ids(shelf) == list(range(10, 30))


def test_what_healed_a_day_is_published_and_archives_are_not(lake: Lake, tmp_path: Path) -> None:
    row = f"100.50,0.20,20.10,{DAY.start_us},True,True\n"
    for name in ("BTCUSDT-rest-50-51.csv", f"BTCUSDT-trades-{DAY.date}.csv"):
        path = tmp_path / name
        path.write_text(f"50,{row}51,{row}")
        take(lake, path)
    shelf = Shelf()
    (found,) = publish_new(lake, shelf)
    assert (found.trades, ids(shelf)) == (2, [50, 51])


def test_trades_without_numbers_are_named_by_their_names(lake: Lake) -> None:
    found = directory(lake.layout, "bybit", "one")
    found.mkdir(parents=True)
    writer = SegmentWriter(found, segment_name(DAY.start_us * 1_000, 1), b"")
    writer.write((RECORDINGS / "bybit-linear-2026-08-09.jsonl").read_bytes())
    writer.seal()
    shelf = Shelf()
    (one,) = publish_new(lake, shelf)
    assert one.trades == len(shelf.kept) > 50
    assert all(name.startswith("bybit/") and name.count("-") == 4 for name in shelf.kept)


def test_an_input_is_not_marked_before_the_broker_has_it_whole(lake: Lake) -> None:
    segment(lake, "one", range(10, 20))
    segment(lake, "one", range(20, 30), 2)
    shelf = Shelf()
    shelf.fails_after = 15
    with pytest.raises(StreamLost):
        publish_new(lake, shelf)
    assert len(streamed.known(lake.layout, shelf.name, "binance")) == 1
    shelf.fails_after = None
    (again,) = publish_new(lake, shelf)
    assert (again.trades, again.repeats) == (10, 5)
    assert ids(shelf) == list(range(10, 30))


def test_what_one_stream_has_another_one_has_not(lake: Lake) -> None:
    segment(lake, "one", range(10, 20))
    one, other = Shelf(), Shelf()
    other.name = "test.other"
    publish_new(lake, one)
    assert [found.trades for found in publish_new(lake, other)] == [10]


def test_a_torn_segment_is_published_to_its_last_whole_line(lake: Lake) -> None:
    found = directory(lake.layout, "binance", "one")
    found.mkdir(parents=True)
    writer = SegmentWriter(found, segment_name(10, 1), recorded_trade(DAY, 10))
    writer.write(recorded_trade(DAY, 11))
    path = writer.seal()
    path.write_bytes(path.read_bytes()[:-10])
    shelf = Shelf()
    publish_new(lake, shelf)
    assert ids(shelf) == [10]
    assert unpublished(lake, shelf.name) == []


def test_a_segment_left_open_by_a_killed_collector_is_published(lake: Lake) -> None:
    found = directory(lake.layout, "binance", "one")
    found.mkdir(parents=True)
    writer = SegmentWriter(found, segment_name(10, 1), recorded_trade(DAY, 10))
    shelf = Shelf()
    assert publish_new(lake, shelf) == []
    # What the kernel does when the process ends.
    os.close(writer._descriptor)
    publish_new(lake, shelf)
    assert ids(shelf) == [10]


def test_a_stored_day_is_published_again_on_demand(lake: Lake) -> None:
    segment(lake, "one", range(10, 20))
    take_segments(lake, "binance", waiting(lake, "binance"))
    shelf = Shelf()
    publish_new(lake, shelf)
    del shelf.kept["binance/BTCUSDT/15"]
    found = publish_day(lake, shelf, DAY)
    assert (found.trades, found.repeats) == (10, 9)
    with pytest.raises(NothingStored):
        publish_day(Lake(lake.layout.root.with_name("other")), shelf, DAY)


def test_a_lost_broker_is_asked_again_until_it_is_to_end(lake: Lake) -> None:
    segment(lake, "one", range(10, 20))
    ended, shelf, tries = threading.Event(), Shelf(), iter((True, False))
    lost: list[str] = []

    def connect() -> Shelf:
        if next(tries):
            raise StreamLost("not there yet")
        return shelf

    def note(error: StreamLost) -> None:
        lost.append(str(error))

    keep_publishing(lake, connect, _Hurried(ended), lambda _: ended.set(), note)
    assert lost == ["not there yet"]
    assert ids(shelf) == list(range(10, 20))
    assert shelf.closed == 1


class _Hurried(threading.Event):
    """Waits for nothing."""

    def __init__(self, ended: threading.Event) -> None:
        super().__init__()
        self._ended = ended

    def is_set(self) -> bool:
        return self._ended.is_set()

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return self._ended.is_set()
