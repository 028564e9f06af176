"""Healing fetches exactly the ids that are missing, from a real server that misbehaves."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import Refused
from crypto_assets.exchange import FLAT_OUT, Market, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.heal import heal, missing_of
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
LOST = ((1_010, 1_017), (2_500, 2_500), (3_000, 4_499))


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(["BTCUSDT"], DAY.start_us + 3_600_000_000, 600, 10, seed=4)


def _record(lake: Lake, market: Market, tmp_path: Path, lost: tuple[tuple[int, int], ...]) -> None:
    """Take the day's archive file without some ids, counted from the first."""
    trades = market.tapes["BTCUSDT"].trades
    first = int(trades["trade_id"][0])
    number = pl.col("trade_id") - first + 1_000
    gone = pl.any_horizontal(number.is_between(low, high) for low, high in lost)
    lines = [
        f"{row['trade_id']},{row['price']},{row['quantity']},{row['quote']},{row['time_us']},"
        f"{row['is_buyer_maker']},True\n"
        for row in trades.filter(~gone).iter_rows(named=True)
    ]
    path = tmp_path / f"BTCUSDT-trades-{DAY.date}.csv"
    path.write_text("".join(lines))
    take(lake, path)


def _history(exchange: Remote) -> TradeHistory:
    return TradeHistory(exchange.http_url, Budget(limit=1_000_000), sleep=lambda _: None)


def test_exactly_the_missing_ids_are_fetched_and_the_day_is_whole(
    market: Market,
    tmp_path: Path,
) -> None:
    lake, whole = Lake(tmp_path / "lake"), Lake(tmp_path / "whole")
    _record(whole, market, tmp_path, ((0, 0),))
    _record(lake, market, tmp_path, LOST)
    build(lake, [DAY])
    build(whole, [DAY])
    assert status_of(lake, DAY).condition == "degraded"
    first = int(market.tapes["BTCUSDT"].trades["trade_id"][0])
    expected = tuple((low - 1_000 + first, high - 1_000 + first) for low, high in LOST)
    assert missing_of(lake, DAY) == expected
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        healed = heal(lake, DAY, _history(exchange), lambda _: None)
        assert (healed.asked, healed.left, healed.count) == (expected, (), 1_509)
        again = heal(lake, DAY, _history(exchange), lambda _: None)
        assert again.asked == ()
    build(lake, [DAY])
    found, untouched = status_of(lake, DAY), status_of(whole, DAY)
    assert found.condition == untouched.condition == "provisional"
    assert found.sources == {"archive": 6_000 - 1_509, "rest": 1_509}
    assert found.logical_hash == untouched.logical_hash


def test_an_exchange_that_refuses_for_a_while_is_asked_again(
    market: Market,
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST[:1])
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"refuse": 429, "refuse_times": 2, "retry_after_s": 7})
        waited: list[float] = []
        history = TradeHistory(exchange.http_url, Budget(limit=1_000_000), sleep=waited.append)
        healed = heal(lake, DAY, history, lambda _: None)
    assert healed.left == ()
    assert max(waited) > 6


def test_what_the_exchange_will_not_give_is_said(market: Market, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST[:1])
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"refuse": 451})
        with pytest.raises(Refused, match="451"):
            heal(lake, DAY, _history(exchange), lambda _: None)


def test_ids_the_database_does_not_have_yet_are_left(market: Market, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    trades = market.tapes["BTCUSDT"].trades
    last = trades.height + 999
    _record(lake, market, tmp_path, ((last - 20, last - 1),))
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"rest_lag_ids": 11})
        healed = heal(lake, DAY, _history(exchange), lambda _: None)
        assert healed.count == 10
        assert len(healed.left) == 1
        exchange.inject({"rest_lag_ids": 0})
        assert heal(lake, DAY, _history(exchange), lambda _: None).left == ()


def test_a_long_heal_is_taken_in_stretches(
    market: Market,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crypto_assets.pipeline.heal._LINES_A_PART", 600)
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST[2:])
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        healed = heal(lake, DAY, _history(exchange), lambda _: None)
    assert (healed.count, healed.left) == (1_500, ())
    parts = [path for path in lake.layout.files("raw_trades", DAY) if "-rest-" in path.name]
    assert len(parts) == 2
    assert status_of(lake, DAY).missing == []
