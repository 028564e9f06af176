"""The switches, and what they make of trades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidSettings
from crypto_assets.exchange.faults import (
    Disturbance,
    Faults,
    archive_refusal,
    changed,
    cut,
    refusal,
)

IDS = np.arange(1_000, 1_100)


def arranged(faults: Faults, *rows: range) -> list[list[int]]:
    disturbance = Disturbance()
    return [disturbance.arrange(faults, "BTCUSDT", part, IDS) for part in rows]


def test_nothing_is_disturbed_while_all_is_off() -> None:
    assert Disturbance().is_idle(Faults(), "BTCUSDT")
    assert arranged(Faults(), range(5)) == [[0, 1, 2, 3, 4]]


def test_the_next_trades_are_dropped_and_remembered() -> None:
    disturbance, faults = Disturbance(), Faults(drop=2)
    assert disturbance.arrange(faults, "BTCUSDT", range(4), IDS) == [2, 3]
    assert disturbance.dropped == [(1_000, 1_001)]
    assert faults.drop == 0


def test_trades_are_dropped_by_symbol_and_id() -> None:
    faults = Faults(drop_ids={"BTCUSDT": [(1_001, 1_002)], "ETHUSDT": [(1_000, 1_099)]})
    assert arranged(faults, range(5)) == [[0, 3, 4]]


def test_the_next_trades_are_sent_twice() -> None:
    assert arranged(Faults(duplicate=2), range(4)) == [[0, 0, 1, 1, 2, 3]]


def test_pairs_are_exchanged_over_the_edge_of_a_batch_too() -> None:
    assert arranged(Faults(reorder=2), range(3), range(3, 6)) == [[1, 0], [3, 2, 4, 5]]


def test_garbage_comes_in_front_of_trades() -> None:
    assert arranged(Faults(garbage=2), range(3)) == [[-1, 0, -2, 1, 2]]


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 20),
    st.lists(st.integers(1, 9), max_size=8),
)
def test_what_is_sent_and_what_is_dropped_is_every_trade(
    drop: int,
    duplicate: int,
    reorder: int,
    garbage: int,
    sizes: list[int],
) -> None:
    faults = Faults(drop=drop, duplicate=duplicate, reorder=reorder, garbage=garbage)
    disturbance, at, sent = Disturbance(), 0, []
    for size in [*sizes, 1, 1]:
        sent += disturbance.arrange(faults, "BTCUSDT", range(at, at + size), IDS)
        at += size
    dropped = {k for first, last in disturbance.dropped for k in range(first, last + 1)}
    told = {int(IDS[row]) for row in sent if row >= 0}
    held = {int(IDS[at - 1])} if at - 1 not in sent and int(IDS[at - 1]) not in dropped else set()
    assert told | dropped | held == set(IDS[:at].tolist())
    assert not told & dropped


def test_a_switch_that_is_not_there_is_refused() -> None:
    for switches in (
        {"dorp": 1},
        {"drop": "many"},
        {"hang_up": "softly"},
        {"refuse": 200},
        {"refuse_archive": 404},
        {"archive_cut_bytes": -1},
        {"archive_bytes_per_s": 0},
        {"archive_added": {"BTCUSDT": [7]}},
    ):
        with pytest.raises(InvalidSettings, match="expected"):
            changed(Faults(), switches)


def test_switches_not_named_stay_as_they_are() -> None:
    faults = changed(Faults(drop=3), {"duplicate": 1})
    assert (faults.drop, faults.duplicate) == (3, 1)


def test_refusals_count_down_and_429_is_for_rest_only() -> None:
    faults = Faults(refuse=429, refuse_times=2)
    assert refusal(faults, is_rest=False) is None
    found = [refusal(faults, is_rest=True) for _ in range(3)]
    assert found == [429, 429, None]
    assert refusal(Faults(refuse=451), is_rest=False) == 451


def test_a_refusal_may_begin_in_the_middle() -> None:
    faults = Faults(refuse=429, refuse_times=1, refuse_after=2)
    assert [refusal(faults, is_rest=True) for _ in range(4)] == [None, None, 429, None]


def test_the_archive_is_refused_apart_from_rest() -> None:
    faults = Faults(refuse_archive=418, refuse_archive_times=2, refuse_archive_after=1)
    assert refusal(faults, is_rest=True) is None
    assert [archive_refusal(faults) for _ in range(4)] == [None, 418, 418, None]
    assert archive_refusal(Faults(refuse=429)) is None
    assert archive_refusal(Faults(refuse=503)) == 503


def test_cuts_count_down_where_there_is_more_to_come() -> None:
    faults = Faults(archive_cut_bytes=10, archive_cut_times=2)
    assert [cut(faults, size) for size in (10, 11, 5, 12, 13)] == [None, 10, None, 10, None]
    endless = Faults(archive_cut_bytes=0)
    assert [cut(endless, 1) for _ in range(3)] == [0, 0, 0]
