"""The weight budget never lets more through than its share, and nothing during a ban."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.lake.limits import HostFile
from crypto_assets.sources.budget import Budget, SharedBudget
from crypto_assets.sources.refusal import LONGEST_BAN_S


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(1, 50)), max_size=200))
def test_no_minute_sees_more_than_the_share(steps: list[tuple[float, int]]) -> None:
    budget = Budget(limit=100, share=0.5)
    spent: dict[int, int] = {}
    now = 0.0
    for pause, weight in steps:
        now += pause
        now += budget.wait_s(now, weight)
        assert budget.wait_s(now, weight) == 0.0
        budget.spend(now, weight)
        minute = int(now // 60)
        spent[minute] = spent.get(minute, 0) + weight
    assert all(total <= 50 for total in spent.values())


def test_what_the_server_says_counts_more_than_our_own_sum() -> None:
    budget = Budget(limit=100, share=0.5)
    budget.spend(0.0, 1)
    budget.tell(0.5, 60)
    assert budget.wait_s(1.0, 1) == 59.0


def test_a_ban_is_waited_out() -> None:
    budget = Budget()
    budget.ban(10.0, 120.0)
    assert budget.wait_s(40.0, 1) == 90.0
    assert budget.wait_s(130.0, 1) == 0.0


def test_a_later_shorter_ban_does_not_end_an_earlier_one() -> None:
    budget = Budget()
    budget.ban(10.0, 120.0)
    budget.ban(20.0, 5.0)
    assert budget.wait_s(40.0, 1) == 90.0


@given(
    length=st.floats(1, 1e6),
    at=st.floats(1e6, 2e9),
    steps=st.lists(st.floats(-1e5, 1e5), max_size=20),
)
def test_a_clock_that_is_set_back_ends_no_ban_early_and_none_lasts_for_ever(
    length: float,
    at: float,
    steps: list[float],
) -> None:
    budget = Budget()
    budget.ban(at, length)
    shown, passed = at, 0.0
    for step in steps:
        shown += step
        passed += max(step, 0.0)
        wait = budget.wait_s(shown, 1)
        assert wait <= LONGEST_BAN_S + 60
        if passed < min(length, LONGEST_BAN_S) - 1e-3:
            assert wait > 0


def test_what_one_learns_the_other_knows(tmp_path: Path) -> None:
    one, other = (SharedBudget(HostFile(tmp_path / "host"), 100, 0.5) for _ in range(2))
    with one.opened() as budget:
        budget.spend(10.0, 30)
    with other.opened() as budget:
        assert budget.wait_s(10.0, 30) == 50.0
        budget.ban(10.0, 300.0)
    with one.opened() as budget:
        assert budget.wait_s(100.0, 1) == 210.0


@pytest.mark.parametrize(
    "found",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"used":-1}', b'{"banned_until_s":"soon"}', b"null"],
)
def test_a_garbage_file_is_as_good_as_none(found: bytes, tmp_path: Path) -> None:
    kept = HostFile(tmp_path / "host")
    kept.write(found)
    with SharedBudget(kept).opened() as budget:
        assert budget == Budget()
        budget.ban(10.0, 60.0)
    with SharedBudget(kept).opened() as budget:
        assert budget.wait_s(11.0, 1) == 59.0


def test_a_ban_no_exchange_gives_is_cut_short(tmp_path: Path) -> None:
    kept = HostFile(tmp_path / "host")
    kept.write(b'{"banned_at_s":5,"banned_until_s":1e300}')
    with SharedBudget(kept).opened() as budget:
        assert budget.wait_s(5.0, 1) == LONGEST_BAN_S
