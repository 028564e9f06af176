"""What the exchange accepted and listed, by the day it said so."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_assets.checks.day import Rules
from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.exchange_info import is_not_listed, keep_exchange_info, rules_of
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.verdicts import judge

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


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"serverTime":1,"symbols":[]}', answer()[:-9], b"\xff"]
)
def test_anything_else_is_refused_and_not_kept(data: bytes, lake: Lake) -> None:
    with pytest.raises(UnreadableInput, match="expected an exchangeInfo answer"):
        keep(lake, data)
    assert not lake.layout.root.exists()


def trades(lake: Lake, directory: Path, day: Partition, price: str, silence_s: int = 0) -> None:
    """Take a day of 2,000 trades of a price, with a silence in its middle."""
    number = day.date.toordinal() - DAY.date.toordinal() + 1
    value = Decimal(price) * Decimal("0.25")
    lines = [
        f"{10_000 * number + k},{price},0.25,{value},"
        f"{day.start_us // 1_000 + 1_000 * (k + (silence_s if k > 999 else 0))},True,True\n"
        for k in range(2_000)
    ]
    path = directory / f"NEXOUSDT-trades-{day.date}.csv"
    path.write_text("".join(lines))
    take(lake, path)


def judged(lake: Lake, day: Partition, check: str) -> Verdict:
    (found,) = (one for one in judge(lake, "raw_trades", day) if one.check == check)
    return found


def test_prices_are_held_against_the_tick_of_their_own_day(lake: Lake, tmp_path: Path) -> None:
    # The tick becomes finer, then coarser again: each day's price is right on its day only.
    days = (DAY, DAY.next, DAY.next.next)
    ticks = ("0.01000000", "0.00100000", "0.05000000")
    prices = ("1.01", "1.011", "1.05")
    keep(lake, *(answer(number, tick) for number, tick in enumerate(ticks)))
    for day, price in zip(days, prices, strict=True):
        trades(lake, tmp_path, day, price)
    for day, tick in zip(days, ticks, strict=True):
        found = judged(lake, day, "prices_are_on_tick")
        assert (found.passed, found.evidence["step"]) == (True, f"{Decimal(tick):f}")
        assert judged(lake, day, "quantities_are_on_step").passed
    # With the ticks of the days around it the middle one fails.
    keep(lake, answer(1, "0.00200000"))
    assert not judged(lake, DAY.next, "prices_are_on_tick").passed
    keep(lake, answer(1, "0.00100000"))
    assert judged(lake, DAY.next, "prices_are_on_tick").passed


def test_quantities_are_held_against_the_step_of_their_own_day(lake: Lake, tmp_path: Path) -> None:
    for day in (DAY, DAY.next):
        trades(lake, tmp_path, day, "1.01")
    keep(lake, answer(0), answer(1).replace(b'"0.01000000"', b'"0.10000000"'))
    assert judged(lake, DAY, "quantities_are_on_step").passed
    found = judged(lake, DAY.next, "quantities_are_on_step")
    assert (found.passed, found.evidence["step"]) == (False, "0.10000000")


def test_a_halt_is_told_by_the_state_of_its_own_day_only(lake: Lake, tmp_path: Path) -> None:
    for day in (DAY, DAY.next):
        trades(lake, tmp_path, day, "1.01", silence_s=7_200)
    keep(lake, answer(0).replace(b"TRADING", b"BREAK"), answer(1))
    check = "silence_is_a_halt_or_a_loss"
    halted, trading = (judged(lake, day, check) for day in (DAY, DAY.next))
    assert (halted.passed, halted.evidence["status"]) == (True, "BREAK")
    assert "had the symbol in BREAK that day" in halted.message
    assert (trading.passed, trading.evidence["status"]) == (True, "TRADING")
    assert "BREAK" not in trading.message
    keep(lake, answer(0))
    assert "BREAK" not in judged(lake, DAY, check).message


@pytest.mark.parametrize("tick", ["-0.01000000", "0.000000001"])
def test_nothing_is_held_against_a_size_that_is_none(
    tick: str,
    lake: Lake,
    tmp_path: Path,
) -> None:
    keep(lake, answer(0, tick))
    trades(lake, tmp_path, DAY, "1.01")
    assert rules_of(lake, DAY).tick_size is None
    assert judged(lake, DAY, "prices_are_on_tick").evidence == {"checked": False}


def test_an_answer_in_microseconds_is_of_the_same_day(lake: Lake) -> None:
    keep(lake, answer().replace(b'"serverTime": 1721779200005', b'"serverTime": 1721779200005123'))
    assert rules_of(lake, DAY).status == "TRADING"
