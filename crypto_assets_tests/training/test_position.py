"""A position tells where every worker is, and is refused where anything else is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.training import Consumer, Position

HERE = Position("sha", 0, 1, 2)


def order_of(counts: list[int], at: Position) -> list[tuple[int, int]]:
    """Take batches as a loader does: one of each worker by turns, until none has any."""
    turns = [at.turn(worker) for worker in range(at.workers)]
    left = [
        [(consumer.worker, n) for n in range(first, counts[consumer.worker])]
        for consumer, first in turns
    ]
    found = []
    while any(left):
        for batches in left:
            found.extend([batches.pop(0)] if batches else [])
    return found


@given(st.integers(1, 6), st.integers(0, 8), st.data())
def test_workers_go_on_in_the_order_they_would_have(
    workers: int, least: int, data: st.DataObject
) -> None:
    longer = data.draw(st.integers(0, workers))
    counts = [least + (worker < longer) for worker in range(workers)]
    start = Position("sha", 0, 1, workers)
    whole = order_of(counts, start)
    for taken in range(len(whole) + 1):
        assert order_of(counts, replace(start, batches=taken)) == whole[taken:]


def test_a_position_survives_being_saved() -> None:
    there = replace(HERE, epoch=3, batches=7)
    assert HERE.moved(json.loads(json.dumps(there.as_dict()))) == there
    assert there.turn(0) == (Consumer(0, 1, 1, 2), 3)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"contents": "other"}, "expected contents sha, found other: it is of other files"),
        ({"workers": 3}, "workers 2, found 3"),
        ({"rank": 1}, "rank 0, found 1"),
        ({"ranks": 2}, "ranks 1, found 2"),
        ({"epoch": -1}, "from 0 on"),
        ({"batches": "7"}, "from 0 on"),
        ({"more": 1}, "expected a saved one"),
    ],
)
def test_a_position_of_anything_else_is_refused(state: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidName, match=said):
        HERE.moved({**HERE.as_dict(), **state})
    with pytest.raises(InvalidName, match="expected a saved one"):
        HERE.moved({})
