"""What an exchange says of its symbols is held against the settings, its day and itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from crypto_assets.checks import catalogue, listing_checks
from crypto_assets.checks.check import Finding
from crypto_assets.checks.listed import Listed
from crypto_assets.venues.binance_exchange_info import ExchangeInfo, Listing, is_whole

AT_US = 1_721_779_200_000_000
DATE = dt.date(2024, 7, 24)


def listing(tick: str | None = "0.01", step: str | None = "0.00001") -> Listing:
    sizes = (None if one is None else Decimal(one) for one in (tick, step))
    return Listing("TRADING", *sizes)


def listed(*symbols: str, before: tuple[str, ...] | None = None) -> Listed:
    earlier = before and ExchangeInfo(AT_US - 86_400_000_000, dict.fromkeys(before, listing()))
    return Listed(
        date=DATE,
        info=ExchangeInfo(AT_US, {name: listing() for name in symbols}),
        before=earlier or None,
    )


def judge(check: str, found: Listed) -> Finding:
    return listing_checks()[check].judge(found)


def test_listings_have_checks_of_their_own() -> None:
    assert list(listing_checks()) == [
        "listings_are_of_their_day",
        "no_listed_symbol_disappears",
        "symbols_of_the_settings_are_listed",
        "tick_and_step_sizes_are_whole",
    ]
    assert not listing_checks().keys() & catalogue().keys()
    assert len({check.code for check in listing_checks().values()}) == 4


def test_a_symbol_of_the_settings_that_is_not_listed_is_named() -> None:
    check = "symbols_of_the_settings_are_listed"
    found = listed("BTCUSDT", "ETHUSDT")
    assert not judge(check, found).checked
    assert judge(check, replace(found, wanted=("ETHUSDT",))).passed
    bad = judge(check, replace(found, wanted=("ETHUSDT", "XYZUSDT")))
    assert (bad.passed, bad.evidence) == (False, {"unknown": ["XYZUSDT"]})


@pytest.mark.parametrize("size", ["-0.01", "0.000000001", "0.010000005"])
def test_a_size_that_nothing_can_be_a_multiple_of_is_named(size: str) -> None:
    check = "tick_and_step_sizes_are_whole"
    found = listed("BTCUSDT")
    assert judge(check, found).passed
    for wrong in (listing(tick=size), listing(step=size)):
        found.info.symbols["ETHUSDT"] = wrong
        bad = judge(check, found)
        assert (bad.passed, bad.evidence["sizes"]) == (False, {"ETHUSDT": size})
    found.info.symbols["ETHUSDT"] = listing(None, None)
    assert judge(check, found).passed


def test_a_size_is_whole_when_it_is_so_many_hundred_millionths() -> None:
    assert is_whole(Decimal("0.00000001"))
    assert is_whole(Decimal("1.00"))
    assert not is_whole(Decimal(0))


def test_an_answer_under_another_day_is_named() -> None:
    check = "listings_are_of_their_day"
    found = listed("BTCUSDT")
    assert judge(check, found).passed
    bad = judge(check, replace(found, date=dt.date(2024, 7, 25)))
    assert (bad.passed, bad.evidence) == (
        False,
        {"expected": "2024-07-25", "found": "2024-07-24"},
    )


def test_a_symbol_that_is_gone_is_named() -> None:
    check = "no_listed_symbol_disappears"
    assert not judge(check, listed("BTCUSDT")).checked
    assert judge(check, listed("BTCUSDT", "ETHUSDT", before=("BTCUSDT",))).passed
    bad = judge(check, listed("BTCUSDT", before=("BTCUSDT", "LUNAUSDT")))
    assert (bad.passed, bad.evidence["gone"]) == (False, ["LUNAUSDT"])
