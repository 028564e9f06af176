"""Weights, bans and rates, by a clock that is given."""

from __future__ import annotations

from crypto_assets.exchange.limits import Allowed, Attempts, Denied, Limits, Rate, Weights


def test_six_thousand_a_minute_then_429_until_the_minute_is_over() -> None:
    weights = Weights(Limits())
    told = [weights.spend("a", 25, 30.0) for _ in range(240)]
    assert told[-1] == Allowed(6_000)
    assert weights.spend("a", 25, 42.5) == Denied(6_025, 429, 18)
    assert weights.spend("a", 25, 60.0) == Allowed(25)


def test_addresses_are_counted_apart() -> None:
    weights = Weights(Limits(weight_per_minute=10))
    assert weights.spend("a", 11, 0.0) == Denied(11, 429, 60)
    assert weights.spend("b", 10, 0.0) == Allowed(10)


def test_going_on_is_banned_and_bans_double_up_to_the_longest() -> None:
    limits = Limits(weight_per_minute=0, patience=2, first_ban_s=120, longest_ban_s=300)
    weights, now, found = Weights(limits), 0.0, []
    for _ in range(4):
        statuses = [weights.spend("a", 1, now) for _ in range(3)]
        assert [denied.status for denied in statuses if isinstance(denied, Denied)] == [
            429,
            429,
            418,
        ]
        assert isinstance(statuses[-1], Denied)
        found.append(statuses[-1].retry_after_s)
        during = weights.spend("a", 1, now + statuses[-1].retry_after_s - 0.5)
        assert isinstance(during, Denied)
        assert (during.status, during.retry_after_s) == (418, 1)
        now += statuses[-1].retry_after_s
    assert found == [120, 240, 300, 300]


def test_backing_off_in_time_is_not_banned() -> None:
    weights = Weights(Limits(weight_per_minute=1, patience=2))
    for minute in range(10):
        at = minute * 60.0
        assert isinstance(weights.spend("a", 1, at), Allowed)
        assert [weights.spend("a", 1, at) for _ in range(2)] == [
            Denied(2, 429, 60),
            Denied(3, 429, 60),
        ]


def test_a_rate_slides() -> None:
    rate = Rate(5, 1.0)
    assert [rate.exceeded(at / 10) for at in range(6)] == [False] * 5 + [True]
    assert not rate.exceeded(1.25)


def test_three_hundred_connections_in_five_minutes() -> None:
    attempts = Attempts(Limits())
    assert [attempts.exceeded("a", float(k % 7)) for k in range(301)].index(True) == 300
    assert not attempts.exceeded("b", 3.0)
