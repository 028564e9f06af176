"""Healing fetches exactly the ids that are missing, from a real server that misbehaves."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.exchange import FLAT_OUT, Market, Remote, random_market, run_in_thread
from crypto_assets.exchange.archive import File, content
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.gap import Cause, GapState
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.heal import Doors, heal
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.published import Archive as Published
from crypto_assets.pipeline.status import status_of
from crypto_assets.sources.archive import Archive
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory
from crypto_assets.venues import venue

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
NOW_US = DAY.end_us + 86_400_000_000
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


def _captured(
    lake: Lake,
    market: Market,
    tmp_path: Path,
    lost: tuple[tuple[int, int], ...],
) -> None:
    """Take a recording of the day's stream without some ids, counted from the first."""
    trades = market.tapes["BTCUSDT"].trades
    first = int(trades["trade_id"][0])
    number = pl.col("trade_id") - first + 1_000
    gone = pl.any_horizontal(number.is_between(low, high) for low, high in lost)
    lines = [
        f'{row["time_us"]} {{"stream":"btcusdt@trade","data":{{"e":"trade","E":{row["time_us"]},'
        f'"s":"BTCUSDT","t":{row["trade_id"]},"p":"{row["price"]}","q":"{row["quantity"]}",'
        f'"T":{row["time_us"]},"m":{str(row["is_buyer_maker"]).lower()},"M":true}}}}\n'
        for row in trades.filter(~gone).iter_rows(named=True)
    ]
    path = tmp_path / "btcusdt.jsonl"
    path.write_text("".join(lines))
    take(lake, path)


def _doors(exchange: Remote, *, archive: bool = False) -> Doors:
    history = TradeHistory(exchange.http_url, Budget(limit=1_000_000), sleep=lambda _: None)
    host = Archive(exchange.http_url, sleep=lambda _: None)
    files = Published(hosts={"binance": host}, now_us=lambda: NOW_US) if archive else None
    return Doors(history, files, lambda _: None, lambda: NOW_US)


def _ids(market: Market, *lost: tuple[int, int]) -> Coverage:
    first = int(market.tapes["BTCUSDT"].trades["trade_id"][0])
    return Coverage.of((low - 1_000 + first, high - 1_000 + first) for low, high in lost)


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
    expected = _ids(market, *LOST)
    assert gaps.missing_of(lake, DAY) == expected
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        healed = heal(lake, DAY, _doors(exchange))
        assert (healed.asked, len(healed.left), healed.count) == (expected, 0, 1_509)
        assert healed.touched == (DAY,)
        again = heal(lake, DAY, _doors(exchange))
        assert len(again.asked) == 0
    build(lake, [DAY])
    found, untouched = status_of(lake, DAY), status_of(whole, DAY)
    assert found.condition == untouched.condition == "provisional"
    assert found.sources == {"archive": 6_000 - 1_509, "rest": 1_509}
    assert found.logical_hash == untouched.logical_hash
    ledger = gaps.read(lake, DAY)
    assert [gap.ids for gap in ledger] == list(expected.ranges)
    assert {(gap.state, gap.source, gap.cause) for gap in ledger} == {
        (GapState.HEALED, "rest", Cause.NOT_PUBLISHED),
    }
    assert gaps.read(whole, DAY) == []
    assert not whole.layout.files("gaps", DAY)


def test_what_the_aggregates_prove_missing_at_the_ends_of_a_day_is_fetched(
    market: Market,
    tmp_path: Path,
) -> None:
    """Nothing else could tell: the ids that are held are contiguous."""
    lake = Lake(tmp_path / "lake")
    tape = market.tapes["BTCUSDT"]
    last = tape.trades.height + 999
    lost = ((1_000, 1_006), (last - 4, last))
    _record(lake, market, tmp_path, lost)
    days = (DAY.start_us // DAY_US,)
    file = File("BTCUSDT", "aggTrades", str(DAY.date), days, DAY.end_us)
    path = tmp_path / file.name
    path.write_bytes(content(tape, file, venue("binance")))
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        assert heal(lake, DAY, _doors(exchange)).asked == Coverage()
        take(lake, path)
        healed = heal(lake, DAY, _doors(exchange))
    assert healed.asked == _ids(market, *lost)
    assert healed.left == Coverage()


def test_an_exchange_that_refuses_for_a_while_is_asked_again(
    market: Market,
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST[:1])
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"refuse": 429, "refuse_times": 2, "retry_after_s": 7})
        clock = [NOW_US / 1e6]
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            clock[0] += seconds

        history = TradeHistory(exchange.http_url, Budget(limit=10**6), sleep, lambda: clock[0])
        healed = heal(lake, DAY, Doors(history, None, sleep, lambda: NOW_US))
    assert not len(healed.left)
    assert [round(one) for one in waited if one] == [7, 7]


def test_nothing_is_asked_while_a_ban_lasts(market: Market, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST[:1])
    clock = [NOW_US / 1e6]
    asked_at: list[float] = []

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def now() -> float:
        asked_at.append(clock[0])
        return clock[0]

    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"refuse": 418, "refuse_times": 1, "retry_after_s": 120})
        history = TradeHistory(exchange.http_url, Budget(limit=1_000_000), sleep=sleep, now=now)
        doors = Doors(history, None, sleep, lambda: NOW_US)
        assert not len(heal(lake, DAY, doors).left)
        assert exchange.counters.statuses == {418: 1, 200: 1}
    assert clock[0] - asked_at[0] >= 120


def test_an_exchange_that_must_not_serve_us_is_asked_nothing_more(
    market: Market,
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST[:1])
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"refuse": 451})
        with pytest.raises(Refused, match="451"):
            heal(lake, DAY, _doors(exchange, archive=True))
        assert sum(exchange.counters.requests.values()) == 1
    (gap,) = gaps.read(lake, DAY)
    assert (gap.tries, gap.is_due(NOW_US + 1)) == (1, False)
    assert "451" in str(gap.evidence["not_served_by_id"])


def test_what_was_healed_before_the_exchange_fell_silent_is_kept(
    market: Market,
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST)
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        asked: list[int] = []

        class Failing(TradeHistory):
            def lines(self, symbol: str, first: int, count: int) -> list[str]:
                asked.append(first)
                if len(asked) > 2:
                    raise StreamLost("gone")
                return TradeHistory.lines(self, symbol, first, count)

        history = Failing(exchange.http_url, Budget(limit=1_000_000), sleep=lambda _: None)
        with pytest.raises(StreamLost):
            heal(lake, DAY, Doors(history, None, lambda _: None, lambda: NOW_US))
    assert gaps.missing_of(lake, DAY) == _ids(market, LOST[2])
    states = [gap.state for gap in gaps.read(lake, DAY)]
    assert states == [GapState.HEALED, GapState.HEALED, GapState.OPEN]
    # It is not asked again at once, by whoever asks for what is open.
    assert gaps.read(lake, DAY)[-1].tries == 1
    assert gaps.open_days(lake, NOW_US + 1) == {}


def test_ids_the_database_does_not_have_yet_are_left_open(market: Market, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    trades = market.tapes["BTCUSDT"].trades
    last = trades.height + 999
    _record(lake, market, tmp_path, ((last - 20, last - 1),))
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"rest_lag_ids": 11})
        healed = heal(lake, DAY, _doors(exchange))
        assert healed.count == 10
        assert len(healed.left) == 10
        done, left = gaps.read(lake, DAY)
        assert (done.state, done.count) == (GapState.HEALED, 10)
        assert (left.state, left.tries, left.tried_us) == (GapState.OPEN, 1, NOW_US)
        assert not left.is_due(NOW_US + 59_000_000)
        assert left.is_due(NOW_US + 60_000_000)
        exchange.inject({"rest_lag_ids": 0})
        assert not len(heal(lake, DAY, _doors(exchange)).left)
    assert {gap.state for gap in gaps.read(lake, DAY)} == {GapState.HEALED}


def test_where_ids_are_not_served_aggregates_prove_that_they_exist(
    market: Market,
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST)
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(market.end_us)
        exchange.inject({"unserved": ["historicalTrades"]})
        healed = heal(lake, DAY, _doors(exchange, archive=True))
    assert (healed.count, healed.left) == (0, _ids(market, *LOST))
    assert healed.why is not None
    assert "404" in healed.why
    for gap in gaps.read(lake, DAY):
        assert (gap.state, gap.tries) == (GapState.OPEN, 1)
        assert gap.evidence["archive"] == {str(DAY.date): "not published yet"}
        assert [list(gap.ids)] == [
            found
            for found in gap.evidence["exist_by_aggregates"]  # type: ignore[attr-defined]
            if found == list(gap.ids)
        ]


def test_where_ids_are_not_served_the_published_file_heals(market: Market, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    _captured(lake, market, tmp_path, LOST)
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(NOW_US)
        exchange.inject({"unserved": ["historicalTrades"]})
        healed = heal(lake, DAY, _doors(exchange, archive=True))
    assert (healed.count, len(healed.left)) == (1_509, 0)
    assert {gap.source for gap in gaps.read(lake, DAY)} == {"archive"}


def test_a_file_with_a_wrong_checksum_heals_and_is_not_sealed(
    market: Market,
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    _captured(lake, market, tmp_path, LOST)
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(NOW_US)
        exchange.inject({"unserved": ["historicalTrades"], "wrong_checksums": ["BTCUSDT"]})
        healed = heal(lake, DAY, _doors(exchange, archive=True))
    assert healed.count == 1_509
    build(lake, [DAY])
    found = status_of(lake, DAY)
    assert (found.condition, found.missing, found.is_sealed) == ("degraded", [], False)
    assert {fault.check for fault in found.faults} >= {
        "archive_checksums_match",
        "what_differs_from_its_checksum_is_proven",
    }


def test_ids_the_exchange_steps_over_cannot_be_healed(market: Market, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    _record(lake, market, tmp_path, LOST)
    tape = market.tapes["BTCUSDT"]
    never = _ids(market, (1_012, 1_013))
    (hole,) = never.ranges
    columns = ["trade_id", "time_us", "price", "quantity", "is_buyer_maker"]
    trades = tape.trades.filter(~pl.col("trade_id").is_between(*hole)).select(
        pl.lit("BTCUSDT").alias("symbol"),
        *columns,
        ts_event=pl.col("time_us").cast(pl.Datetime("us", "UTC")),
    )
    without = Market.of(trades.drop("time_us"))
    with run_in_thread(without, pace=FLAT_OUT) as exchange:
        exchange.jump(NOW_US)
        healed = heal(lake, DAY, _doors(exchange))
    assert healed.left == never
    denied = [gap for gap in gaps.read(lake, DAY) if gap.state.is_missing]
    assert [(gap.ids, gap.state) for gap in denied] == [(hole, GapState.UNHEALABLE)]
    assert denied[0].evidence["exist_by_aggregates"] == []
    assert not denied[0].is_due(NOW_US + 10**15)


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
        healed = heal(lake, DAY, _doors(exchange))
    assert (healed.count, len(healed.left)) == (1_500, 0)
    parts = [path for path in lake.layout.files("raw_trades", DAY) if "-rest-" in path.name]
    assert len(parts) == 2
    assert status_of(lake, DAY).missing == []
