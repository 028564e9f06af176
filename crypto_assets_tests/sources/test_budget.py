"""The weight budget never lets more through than its share, and nothing during a ban."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.sources.budget import Budget


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(1, 50)), max_size=200))
def test_no_minute_sees_more_than_the_share(steps: list[tuple[float, int]]) -> None:
    budget = Budget(limit=100, share=0.5)
    spent: dict[int, int] = {}
    now = 0.0
    for pause, weight in steps:
        now += pause
        now += budget.wait_s(now, weight)
        assert budget.wait_s(now, weight) == 0.0
        budget.spend(now, weight, None)
        minute = int(now // 60)
        spent[minute] = spent.get(minute, 0) + weight
    assert all(total <= 50 for total in spent.values())


def test_what_the_server_says_counts_more_than_our_own_sum() -> None:
    budget = Budget(limit=100, share=0.5)
    budget.spend(0.0, 1, 60)
    assert budget.wait_s(1.0, 1) == 59.0


def test_a_ban_is_waited_out() -> None:
    budget = Budget()
    budget.ban(10.0, 120.0)
    assert budget.wait_s(40.0, 1) == 90.0
    assert budget.wait_s(130.0, 1) == 0.0
