"""What is acknowledged is on the disk; what cannot be read is kept, told, and never comes again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import CommitFailed, FileHeld, StreamLost
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.streamed import letters
from crypto_assets.model.message import Delivery
from crypto_assets.pipeline.consume import Batch, Consumed, consume
from crypto_assets.transforms.messages import messages_of
from crypto_assets_tests.streamed import rows


class Door:
    """A subscription of the tests: gives messages until they are acknowledged."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self.waiting = list(deliveries)
        self.out: list[Delivery] = []
        self.told: list[tuple[str, int]] = []
        self.closed = 0

    def pull(self, most: int, seconds: float) -> list[Delivery]:  # noqa: ARG002
        got, self.waiting = self.waiting[:most], self.waiting[most:]
        self.out += got
        return got

    def _done(self, what: str, deliveries: Sequence[Delivery]) -> None:
        self.told.append((what, len(deliveries)))
        self.out = [one for one in self.out if one not in deliveries]

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._done("ack", deliveries)

    def nack(self, deliveries: Sequence[Delivery]) -> None:
        self._done("nack", deliveries)
        self.waiting += deliveries

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        self._done("reject", deliveries)

    def close(self) -> None:
        self.closed += 1


class Table:
    """A sink of the tests: ids in memory, and an error for each call that is told to fail."""

    def __init__(self, door: Door, *errors: Exception) -> None:
        self.door, self.errors = door, list(errors)
        self.ids: set[int] = set()

    def append(self, found: pl.DataFrame) -> int:
        assert len(self.door.out) >= found.height, "acknowledged before it was written"
        if self.errors:
            raise self.errors.pop(0)
        new = set(found["trade_id"].to_list()) - self.ids
        self.ids |= new
        return len(new)

    def close(self) -> None:
        pass


def delivered(ids: range) -> list[Delivery]:
    return [Delivery(one.id, one.payload, object()) for one in messages_of(rows(ids))]


def consumed(
    layout: Layout,
    door: Door,
    table: Table,
    ended: threading.Event | None = None,
    *,
    until_empty: bool = True,
) -> tuple[Consumed, list[Consumed]]:
    told: list[Consumed] = []

    def tell(found: Consumed) -> None:
        told.append(found)
        if ended is not None and len(table.ids) == 6:
            ended.set()

    whole = consume(
        layout,
        "trades",
        lambda: door,
        table,
        Batch(4, 0.01),
        ended=ended or threading.Event(),
        until_empty=until_empty,
        told=tell,
    )
    return whole, told


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_batches_are_written_before_they_are_acknowledged(layout: Layout) -> None:
    door = Door(delivered(range(6)) + delivered(range(3)))
    table = Table(door)
    whole, told = consumed(layout, door, table)
    assert whole == Consumed(9, 6, 0)
    assert [one.messages for one in told] == [4, 4, 1]
    assert door.out == []
    assert door.closed == 1


def test_what_is_no_trade_is_kept_told_and_rejected_and_the_others_are_written(
    layout: Layout,
) -> None:
    good = delivered(range(3))
    poison = Delivery("x", b"\xff no trade", object())
    door = Door([good[0], poison, good[1], good[2]])
    whole, _ = consumed(layout, door, Table(door))
    assert whole == Consumed(4, 3, 1)
    assert [one for one in door.told if one[1]] == [("ack", 3), ("reject", 1)]
    (letter,) = letters(layout, "trades")
    assert (letter.id, letter.payload) == ("x", b"\xff no trade")
    assert "expected a trade" in letter.reason


def test_a_batch_of_nothing_but_poison_writes_no_row(layout: Layout) -> None:
    door = Door([Delivery(None, b"1", object()), Delivery(None, b"2", object())])
    table = Table(door, AssertionError("asked"))
    whole, _ = consumed(layout, door, table)
    assert whole == Consumed(2, 0, 2)
    assert {one.payload for one in letters(layout, "trades")} == {b"1", b"2"}


def test_what_cannot_be_written_now_is_given_back_and_written_later(layout: Layout) -> None:
    door, ended = Door(delivered(range(6))), threading.Event()
    table = Table(door, FileHeld("held"))
    whole, told = consumed(layout, door, table, ended, until_empty=False)
    assert whole == Consumed(6, 6, 0)
    assert told[0].why == "held"
    assert ("nack", 4) in door.told
    assert door.waiting == []


def test_who_waits_for_nothing_is_told_what_failed_in_passing(layout: Layout) -> None:
    door = Door(delivered(range(6)))
    with pytest.raises(FileHeld):
        consumed(layout, door, Table(door, FileHeld("held")))
    assert len(door.waiting) == 6


def test_a_sink_that_fails_for_good_acknowledges_nothing(layout: Layout) -> None:
    door = Door(delivered(range(3)))
    with pytest.raises(CommitFailed):
        consumed(layout, door, Table(door, CommitFailed("disk")))
    assert door.told == []
    assert len(door.out) == 3


def test_a_lost_broker_is_asked_again(layout: Layout) -> None:
    door, ended = Door(delivered(range(6))), threading.Event()
    table, tries = Table(door), iter((True, False))

    def connect() -> Door:
        if next(tries):
            raise StreamLost("away")
        return door

    told: list[Consumed] = []

    def tell(found: Consumed) -> None:
        told.append(found)
        if len(table.ids) == 6:
            ended.set()

    consume(layout, "trades", connect, table, Batch(4, 0.01), ended=ended, told=tell)
    assert told[0].why == "away"
    assert table.ids == set(range(6))
