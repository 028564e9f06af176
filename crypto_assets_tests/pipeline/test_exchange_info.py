"""What the exchange accepted and listed, by the day it said so."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from crypto_assets.checks.day import Rules
from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.exchange_info import is_not_listed, keep_exchange_info, rules_of

DAY_MS = 1_721_779_200_000
DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")


def answer(days: int = 0, tick: str = "0.00100000", symbol: str = "NEXOUSDT") -> bytes:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": tick},
        {"filterType": "LOT_SIZE", "stepSize": "0.01000000"},
    ]
    listed = {"symbol": symbol, "status": "TRADING", "filters": filters}
    at = DAY_MS + days * 86_400_000 + 5
    return json.dumps({"serverTime": at, "rateLimits": [], "symbols": [listed]}).encode()


def keep(lake: Lake, *answers: bytes) -> None:
    for one in answers:
        keep_exchange_info(lake, "binance", one)


def test_nothing_is_known_without_an_answer(lake: Lake) -> None:
    assert rules_of(lake, DAY) == Rules()
    assert not is_not_listed(lake, DAY)


@pytest.mark.parametrize(("days", "known"), [(-7, False), (-6, True), (0, True), (1, False)])
def test_sizes_are_those_of_the_last_answer_of_the_week_up_to_the_day(
    days: int,
    known: bool,  # noqa: FBT001
    lake: Lake,
) -> None:
    keep(lake, answer(days))
    # What state it was in is known of the answer's own day only.
    status = "TRADING" if days == 0 else None
    sizes = Rules(tick_size=Decimal("0.001"), step_size=Decimal("0.01"), status=status)
    assert rules_of(lake, DAY) == (sizes if known else Rules())


def test_a_later_answer_of_the_week_counts(lake: Lake) -> None:
    keep(lake, answer(-1, "0.01"), answer(-3, "0.1"), answer(2, "1.0"))
    assert rules_of(lake, DAY).tick_size == Decimal("0.01")
    keep(lake, answer(-1, "0.05"))
    assert rules_of(lake, DAY).tick_size == Decimal("0.05")


def test_a_size_of_zero_switches_its_filter_off(lake: Lake) -> None:
    keep(lake, answer(0, "0.00000000"))
    assert rules_of(lake, DAY).tick_size is None


@pytest.mark.parametrize(("days", "absent"), [(-1, False), (0, True), (30, True)])
def test_a_symbol_absent_from_an_answer_of_that_day_or_later_was_not_listed(
    days: int,
    absent: bool,  # noqa: FBT001
    lake: Lake,
) -> None:
    keep(lake, answer(days, symbol="BTCUSDT"))
    assert is_not_listed(lake, DAY) is absent


def test_the_next_answer_after_the_day_decides(lake: Lake) -> None:
    keep(lake, answer(1), answer(2, symbol="BTCUSDT"))
    assert not is_not_listed(lake, DAY)
    assert is_not_listed(lake, DAY.next.next)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"serverTime":1}', answer()[:-9], b"\xff"])
def test_anything_else_is_refused_and_not_kept(data: bytes, lake: Lake) -> None:
    with pytest.raises(UnreadableInput, match="expected an exchangeInfo answer"):
        keep(lake, data)
    assert not lake.layout.root.exists()
