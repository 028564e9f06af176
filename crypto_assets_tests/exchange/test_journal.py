"""The log of requests, by clocks that are given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.exchange.journal import MOST_REQUESTS, Journal, Request


def test_who_comes_before_the_time_to_wait_is_over_is_counted_and_who_waits_is_not() -> None:
    journal = Journal()
    journal.arrived("rest", "a", 10.0)
    journal.told_to_wait("rest", "a", 12.0)
    journal.arrived("rest", "a", 11.999)
    assert journal.too_early == 1
    journal.arrived("rest", "a", 12.0)
    assert journal.too_early == 1


def test_hosts_and_addresses_are_judged_apart() -> None:
    journal = Journal()
    journal.told_to_wait("rest", "a", 12.0)
    journal.arrived("archive", "a", 11.0)
    journal.arrived("rest", "b", 11.0)
    assert journal.too_early == 0


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 100))
def test_the_latest_time_that_was_told_counts(told: list[float], at: float) -> None:
    journal = Journal()
    for until in told:
        journal.told_to_wait("rest", "a", until)
    journal.arrived("rest", "a", at)
    assert journal.too_early == (at < max(told))


def test_the_last_requests_are_kept_and_all_answers_counted() -> None:
    journal = Journal()
    for k in range(MOST_REQUESTS + 5):
        journal.answered(Request(float(k), "/", 200, 1))
    assert len(journal.requests) == MOST_REQUESTS
    assert journal.requests[0].at_s == 5.0
    assert journal.statuses == {200: MOST_REQUESTS + 5}
