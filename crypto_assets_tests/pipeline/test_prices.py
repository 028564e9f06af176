"""Prices from a loopback exchange that misbehaves: what can be used is stored, each update once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.doors.exchanges import prices_of
from crypto_assets.errors import Refused, SchemaMismatch, StreamLost, UnreadableInput
from crypto_assets.exchange import PAUSED, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.tables import PRICE_SNAPSHOTS
from crypto_assets.pipeline import query
from crypto_assets.pipeline.prices import ASSET, add, day_of, judge, take_day, take_snapshot
from crypto_assets.sources.coingecko import CoinGecko

MIDNIGHT_US = 1_737_504_000_000_000
HOUR_US = 3_600_000_000
DATE = dt.date(2025, 1, 22)
COINS, CURRENCIES = ("bitcoin", "shiba-inu", "usd-coin"), ("usd", "btc")
MARKET = random_market(["BTCUSDT"], MIDNIGHT_US - 3 * 24 * HOUR_US, 600, 1, seed=3)
Tree = dict[str, tuple[int, int, str]]


@pytest.fixture(scope="module")
def market_exchange() -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=PAUSED) as remote:
        remote.jump(MIDNIGHT_US + HOUR_US)
        yield remote


@pytest.fixture
def exchange(market_exchange: Remote) -> Remote:
    switches = ("prices_missing", "prices_null")
    market_exchange.inject({"refuse": None, "refuse_times": None, "prices_html": False})
    market_exchange.inject({name: [] for name in switches} | {"slow_answer_s": 0})
    return market_exchange


def door(exchange: Remote) -> CoinGecko:
    return CoinGecko(exchange.http_url, sleep=lambda _: None)


def now(exchange: Remote) -> Callable[[], int]:
    return lambda: exchange.counters.now_us


def stored(lake: Lake, date: dt.date = DATE) -> pl.DataFrame:
    return lake.scan(ASSET, day_of(date)).collect()


def test_a_snapshot_is_stored_once_however_often_it_is_asked_for(
    lake: Lake,
    exchange: Remote,
    tree: Callable[[Path], Tree],
) -> None:
    taken = take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    assert taken.skipped == ()
    assert list(taken.days) == [day_of(DATE)]
    rows = stored(lake)
    assert rows.select("coin", "currency").rows() == [
        (coin, currency) for coin in COINS for currency in sorted(CURRENCIES)
    ]
    assert rows.equals(taken.rows)
    before = tree(lake.layout.root)
    take_snapshot(lake, door(exchange), [*COINS, "bitcoin"], CURRENCIES, now(exchange))
    assert tree(lake.layout.root) == before


def test_hours_go_into_one_file_and_a_price_of_before_midnight_into_its_day(
    lake: Lake,
) -> None:
    with run_in_thread(MARKET, pace=PAUSED) as exchange:
        exchange.jump(MIDNIGHT_US + 24 * HOUR_US - 5_000_000)
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
        exchange.jump(MIDNIGHT_US + 24 * HOUR_US + 10_000_000)
        late = take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
        assert list(late.days) == [day_of(DATE)], "it was made ten seconds before midnight"
        exchange.jump(MIDNIGHT_US + 25 * HOUR_US)
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    assert stored(lake).height == 12
    assert stored(lake, DATE + dt.timedelta(days=1)).height == 6
    assert len(lake.layout.files(ASSET, day_of(DATE))) == 1
    (part,) = lake.parts(ASSET, day_of(DATE))
    assert len(part.manifest.inputs) == 2, "both answers are named"


def test_what_cannot_be_used_is_left_out_and_told(lake: Lake, exchange: Remote) -> None:
    exchange.inject({"prices_null": ["bitcoin"], "prices_missing": ["usd-coin"]})
    taken = take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    assert {(one.coin, one.currency) for one in taken.skipped} == {
        (coin, currency) for coin in ("bitcoin", "usd-coin") for currency in CURRENCIES
    }
    assert stored(lake)["coin"].unique().to_list() == ["shiba-inu"]


def test_an_answer_of_which_nothing_can_be_used_stores_nothing(
    lake: Lake,
    exchange: Remote,
) -> None:
    exchange.inject({"prices_null": list(COINS)})
    with pytest.raises(UnreadableInput, match="bitcoin in usd: price: expected a number"):
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    exchange.inject({"prices_html": True})
    with pytest.raises(UnreadableInput, match="<!DOCTYPE html>"):
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    exchange.inject({"prices_html": False, "refuse": 500})
    with pytest.raises(StreamLost, match="500"):
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    exchange.inject({"refuse": 451})
    with pytest.raises(Refused, match="451"):
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    assert not lake.layout.files(ASSET, day_of(DATE))


def test_what_came_before_a_host_was_lost_is_stored(lake: Lake, exchange: Remote) -> None:
    coins = [f"coin-{number:03}-{'x' * 60}" for number in range(60)]
    exchange.inject({"refuse": 503, "refuse_after": 1})
    with pytest.raises(StreamLost, match="503"):
        take_snapshot(lake, door(exchange), coins, ["usd"], now(exchange))
    kept = stored(lake)["coin"].n_unique()
    assert 0 < kept < 60
    exchange.inject({"refuse": None})
    take_snapshot(lake, door(exchange), coins, ["usd"], now(exchange))
    assert stored(lake)["coin"].n_unique() == 60


def test_not_one_request_comes_before_retry_after_by_whoever(lake: Lake, exchange: Remote) -> None:
    before = exchange.counters.too_early
    exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 2})
    first = prices_of(lake, exchange.http_url, None)
    first.guard.patience_s = 0
    with pytest.raises(StreamLost):
        take_snapshot(lake, first, COINS, ["usd"], now(exchange))
    asked = len(exchange.requests)
    # Another process knows by the lake alone; it waits, then asks once.
    taken = take_snapshot(
        lake,
        prices_of(Lake(lake.layout.root), exchange.http_url, None),
        COINS,
        ["usd"],
        now(exchange),
    )
    assert taken.rows.height == 3
    assert len(exchange.requests) == asked + 1
    assert exchange.counters.too_early == before


def test_a_slow_answer_is_waited_for(lake: Lake, exchange: Remote) -> None:
    exchange.inject({"slow_answer_s": 0.3})
    assert take_snapshot(lake, door(exchange), COINS, ["usd"], now(exchange)).rows.height == 3


def test_a_day_that_is_over_is_filled_hour_by_hour(
    lake: Lake,
    exchange: Remote,
    tree: Callable[[Path], Tree],
) -> None:
    date = DATE - dt.timedelta(days=1)
    exchange.inject({"prices_missing": ["usd-coin"]})
    taken = take_day(lake, door(exchange), COINS, ["usd"], date, now(exchange))
    (skipped,) = taken.skipped
    assert "404" in skipped.why
    rows = stored(lake, date)
    assert rows["source"].unique().to_list() == ["market_chart"]
    assert rows.group_by("coin").len().sort("coin").rows() == [("bitcoin", 24), ("shiba-inu", 24)]
    found = {v.check: v for v in judge(lake, date, COINS, ["usd"], exchange.counters.now_us)}
    assert not found["every_hour_has_a_price"].passed
    assert found["every_hour_has_a_price"].evidence == {"hours": {"usd-coin/usd": ["00..23"]}}
    assert all(one.passed for name, one in found.items() if name != "every_hour_has_a_price")
    before = tree(lake.layout.root)
    take_day(lake, door(exchange), COINS, ["usd"], date, now(exchange))
    assert tree(lake.layout.root) == before


def test_the_views_show_prices_and_averages_over_days(lake: Lake, exchange: Remote) -> None:
    views = ("price_snapshots", "price_indicators_1d")
    for view in views:
        assert query.query(lake, f"SELECT * FROM {view}").is_empty()
    for back in (1, 2):
        date = DATE - dt.timedelta(days=back)
        take_day(lake, door(exchange), ["shiba-inu"], ["usd"], date, now(exchange))
    found = query.query(
        lake,
        "SELECT venue, symbol, date, price, log_return FROM price_indicators_1d",
    )
    assert found.select("venue", "symbol", "date").rows() == [
        ("coingecko", "shiba-inu", DATE - dt.timedelta(days=back)) for back in (2, 1)
    ]
    assert found["log_return"].null_count() == 1
    last = query.query(
        lake,
        "SELECT arg_max(price, ts_updated) AS price FROM price_snapshots "
        "WHERE symbol = 'shiba-inu' AND currency = 'usd' GROUP BY date ORDER BY date",
    )
    assert found["price"].to_list() == last["price"].to_list()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"price": pl.lit(-1, dtype=pl.Decimal(38, 18))},
        {"price": pl.col("price").cast(pl.Float64)},
        {"source": pl.lit("hearsay")},
        {"ts_updated": pl.lit(None, dtype=pl.Datetime("us", "UTC"))},
        {"extra": pl.lit(1)},
    ],
    ids=["negative", "float", "source", "null", "column"],
)
def test_rows_that_are_not_as_declared_never_reach_the_disk(
    lake: Lake,
    exchange: Remote,
    spoilt: dict[str, pl.Expr],
) -> None:
    rows = take_snapshot(lake, door(exchange), COINS, ["usd"], now(exchange)).rows
    before = stored(lake)
    with pytest.raises(SchemaMismatch, match="expected rows as declared"):
        add(lake, day_of(DATE), rows.with_columns(**spoilt), ())
    assert stored(lake).equals(before)
    assert before.schema == PRICE_SNAPSHOTS.schema


def test_a_damaged_file_is_not_written_over_and_is_judged_so(
    lake: Lake,
    exchange: Remote,
) -> None:
    take_snapshot(lake, door(exchange), COINS, ["usd"], now(exchange))
    (path,) = lake.layout.files(ASSET, day_of(DATE))
    path.write_bytes(b"torn")
    with pytest.raises(UnreadableInput):
        take_snapshot(lake, door(exchange), COINS, CURRENCIES, now(exchange))
    assert path.read_bytes() == b"torn"
    (verdict,) = judge(lake, DATE, COINS, ["usd"], exchange.counters.now_us)
    assert verdict.is_fault


class _Recorded:
    """A door with one answer."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def batches(self, coins: Sequence[str], _currencies: Sequence[str]) -> Iterator[Sequence[str]]:
        yield coins

    def prices(self, _coins: Sequence[str], _currencies: Sequence[str]) -> bytes:
        return json.dumps(self.answer).encode()

    def chart(self, _coin: str, _currency: str, _span_us: tuple[int, int]) -> bytes:
        return b""


def test_a_price_with_an_exponent_is_stored_as_it_is(lake: Lake) -> None:
    answer = {"shiba-inu": {"usd": 1.2e-08, "last_updated_at": MIDNIGHT_US // 1_000_000 + 5}}
    taken = take_snapshot(
        lake,
        _Recorded(answer),
        ["shiba-inu"],
        ["usd"],
        lambda: MIDNIGHT_US + 9_000_000,
    )
    assert f"{stored(lake)['price'][0]:f}" == "0.000000012000000000"
    assert taken.days[day_of(DATE)].manifest.rows == 1
