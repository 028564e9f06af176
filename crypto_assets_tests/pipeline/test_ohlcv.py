"""A day of bars is what the exchange has finished of it, whatever way it pages, and no more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import InvalidName, NothingStored, Refused, StreamLost, UnreadableInput
from crypto_assets.exchange import PAUSED, Market, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.interval import length_of
from crypto_assets.model.listing import Listing, listings
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import OHLCV, validate
from crypto_assets.pipeline.ohlcv import Open, Wanted, fetch, judge, wanted
from crypto_assets.sources.ohlcv import Bars

HOUR_US = 3_600_000_000
MIDNIGHT_US = 1_735_776_000_000_000
DAY = dt.date(2025, 1, 2)
NEXT = dt.date(2025, 1, 3)
SPOT, SWAP = Listing.parse("binance:BTC/USDT"), Listing.parse("bybit:BTC/USDT:USDT")
ALL = listings(
    [str(SPOT), str(SWAP), "binance:ETH/USDT:USDT", "bybit:ETH/USDT", "binanceusdm:ETH/USDT:USDT"],
)


@pytest.fixture(scope="module")
def market() -> Market:
    """From before midnight to the middle of the day after."""
    return random_market(["BTCUSDT", "ETHUSDT"], MIDNIGHT_US - HOUR_US, 37 * 3_600, 0.05, seed=5)


@pytest.fixture
def exchange(market: Market) -> Iterator[Remote]:
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.fixture
def door(exchange: Remote) -> Open:
    urls = dict.fromkeys(("binance", "binanceusdm", "bybit"), exchange.http_url)
    return partial(Bars, urls=urls)


def tape(market: Market, one: Wanted, until_us: int | None = None) -> pl.DataFrame:
    found = market.tapes[f"{one.listing.unified[:3]}USDT"]
    length, day = length_of(one.interval), one.partition
    until = min(day.end_us, (until_us or market.end_us) // length * length)
    opens = range(day.start_us, until, length)
    columns = ("open", "high", "low", "close", "volume")
    return found.klines(length, opens, found.trades_until(until_us or market.end_us)).select(
        pl.lit(one.interval).alias("interval"),
        pl.col("open_us").cast(OHLCV.schema["ts_open"]).alias("ts_open"),
        *(pl.col(name).cast(OHLCV.schema[name]) for name in columns),
    )


def rows(lake: Lake, one: Wanted) -> pl.DataFrame:
    return pl.read_parquet(
        lake.layout.file("ohlcv", one.partition, one.interval),
        hive_partitioning=False,
    )


def committed(found: dict[Wanted, object], one: Wanted) -> Committed:
    outcome = found[one]
    assert isinstance(outcome, Committed), outcome
    return outcome


def test_days_of_several_symbols_and_exchanges_equal_the_tape(
    lake: Lake,
    market: Market,
    door: Open,
) -> None:
    asked = wanted(ALL, [DAY], ["1m", "1h"])
    told: list[Wanted] = []
    found = fetch(lake, asked, door, told=lambda one, _: told.append(one))
    assert list(found) == asked
    assert sorted(told) == sorted(asked)
    for one in asked:
        stored = committed(found, one)
        assert rows(lake, one).equals(tape(market, one)), one
        assert stored.manifest.rows == (1_440 if one.interval == "1m" else 24)
        assert stored.manifest.parents == {
            "listing": str(one.listing),
            "until_us": str(one.partition.end_us),
        }
        validate(rows(lake, one), OHLCV)
    path = lake.layout.relative(committed(found, Wanted(SWAP, DAY, "1m")).path)
    assert path == "ohlcv/venue=bybit/symbol=BTCUSDTPERP/date=2025-01-02/1m.parquet"


@pytest.mark.parametrize(
    "switches",
    [
        {"kline_page": 97},
        {"kline_page": 97, "klines_from_end": True},
    ],
)
@pytest.mark.parametrize("listing", [SPOT, SWAP], ids=str)
def test_pages_that_are_cut_lose_nothing(
    lake: Lake,
    market: Market,
    exchange: Remote,
    door: Open,
    listing: Listing,
    switches: dict[str, object],
) -> None:
    exchange.inject(switches)
    one = Wanted(listing, DAY, "1m")
    committed(fetch(lake, [one], door), one)
    assert rows(lake, one).equals(tape(market, one))


@pytest.mark.parametrize("listing", [SPOT, SWAP], ids=str)
def test_a_hole_is_left_out_and_nothing_around_it(
    lake: Lake,
    market: Market,
    listing: Listing,
) -> None:
    first, last = MIDNIGHT_US + 10 * HOUR_US, MIDNIGHT_US + 12 * HOUR_US
    with run_in_thread(market, pace=PAUSED) as broken:
        broken.jump(first)
        broken.inject({"in_break": ("BTCUSDT",)})
        broken.jump(last)
        broken.inject({"in_break": ()})
        broken.jump(market.end_us)
        broken.inject({"kline_page": 50})
        one = Wanted(listing, DAY, "1m")
        committed(fetch(lake, [one], _door_of(broken)), one)
    opens = rows(lake, one)["ts_open"].to_physical().to_list()
    minutes = range(MIDNIGHT_US, MIDNIGHT_US + 24 * HOUR_US, 60_000_000)
    assert opens == [at for at in minutes if not first <= at < last]


def test_the_hour_before_a_listing_is_stepped_over(
    lake: Lake,
    market: Market,
    door: Open,
) -> None:
    before = Wanted(SPOT, dt.date(2025, 1, 1), "1m")
    stored = committed(fetch(lake, [before], door), before)
    assert stored.manifest.rows == 60
    assert rows(lake, before).equals(tape(market, before))
    unlisted = Wanted(SPOT, dt.date(2024, 12, 1), "1m")
    outcome = fetch(lake, [unlisted], door)[unlisted]
    assert isinstance(outcome, NothingStored)
    assert "gives no bar" in str(outcome)


def test_a_day_that_goes_on_is_kept_as_far_as_it_is_finished_and_grows(
    lake: Lake,
    market: Market,
    door: Open,
) -> None:
    one = Wanted(SPOT, DAY, "1m")
    half = MIDNIGHT_US + 12 * HOUR_US + 30_000_000
    with run_in_thread(market, pace=PAUSED) as early:
        early.jump(half)
        stored = committed(fetch(lake, [one], _door_of(early)), one)
        assert stored.manifest.rows == 720
        assert rows(lake, one).equals(tape(market, one, half))
        again = committed(fetch(lake, [one], _door_of(early)), one)
        assert not again.changed
    grown = committed(fetch(lake, [one], door), one)
    assert grown.changed
    assert rows(lake, one).equals(tape(market, one))


def _door_of(exchange: Remote) -> Open:
    return partial(Bars, urls=dict.fromkeys(("binance", "bybit"), exchange.http_url))


def test_a_day_that_has_not_begun_has_nothing_to_store(lake: Lake, door: Open) -> None:
    one = Wanted(SPOT, dt.date(2025, 1, 4), "1m")
    outcome = fetch(lake, [one], door)[one]
    assert isinstance(outcome, NothingStored)
    assert "finished yet" in str(outcome)


def test_a_whole_day_is_left_alone_unless_it_is_asked_for_again(
    lake: Lake,
    exchange: Remote,
    door: Open,
    tree: Callable[[Path], object],
) -> None:
    one = Wanted(SWAP, DAY, "1m")
    first = committed(fetch(lake, [one], door), one)
    lies = tree(lake.layout.root)
    before = exchange.counters.requests["v5/market/kline"]
    second = committed(fetch(lake, [one], door), one)
    assert exchange.counters.requests["v5/market/kline"] == before
    third = committed(fetch(lake, [one], door, again=True), one)
    assert exchange.counters.requests["v5/market/kline"] == before + 2
    assert first.sha256 == second.sha256 == third.sha256
    assert not third.changed
    assert tree(lake.layout.root) == lies


def test_bars_the_exchange_no_longer_gives_are_kept(
    lake: Lake,
    market: Market,
    door: Open,
) -> None:
    one = Wanted(SPOT, NEXT, "1h")
    whole = committed(fetch(lake, [one], door), one)
    assert whole.manifest.rows == 11
    shorter = random_market(["BTCUSDT"], MIDNIGHT_US + 30 * HOUR_US, 6 * 3_600, 0.05, seed=6)
    with run_in_thread(shorter, pace=PAUSED) as other:
        other.jump(shorter.end_us)
        committed(fetch(lake, [one], _door_of(other)), one)
    found = rows(lake, one)
    assert found.height == 11
    assert found.head(6).equals(tape(market, one).head(6))
    assert found.tail(5)["close"].is_in(tape(market, one)["close"].implode()).sum() == 0


def test_two_listings_of_one_name_do_not_share_a_file(lake: Lake, door: Open) -> None:
    one = Wanted(SPOT, DAY, "1h")
    committed(fetch(lake, [one], door), one)
    other = Wanted(Listing.parse("binance:BTCU/SDT"), DAY, "1h")
    outcome = fetch(lake, [other], door)[other]
    assert isinstance(outcome, InvalidName)
    assert "taken by binance:BTC/USDT" in str(outcome)


def test_what_fails_fails_alone(lake: Lake, door: Open) -> None:
    bad = Listing.parse("bybit:XYZ/USDT")
    asked = wanted([SPOT, SWAP, bad], [DAY], ["1h"])
    found = fetch(lake, asked, door)
    kinds = [type(found[one]) for one in asked]
    assert kinds == [Committed, Committed, InvalidName]


def test_an_exchange_that_refuses_for_now_is_asked_again(
    lake: Lake,
    exchange: Remote,
    door: Open,
) -> None:
    exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 1})
    one = Wanted(SPOT, DAY, "1h")
    assert committed(fetch(lake, [one], door), one).manifest.rows == 24


def test_an_exchange_that_wants_to_be_left_alone_for_long_is(
    lake: Lake,
    exchange: Remote,
    door: Open,
) -> None:
    exchange.inject({"refuse": 418, "retry_after_s": 3_600})
    one = Wanted(SPOT, DAY, "1h")
    outcome = fetch(lake, [one], door)[one]
    assert isinstance(outcome, StreamLost)
    assert outcome.retry_after == 3_600
    exchange.inject({"refuse": 451})
    outcome = fetch(lake, [one], door)[one]
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("status", [418, 451])
def test_an_exchange_that_refuses_is_not_asked_for_every_day(
    lake: Lake,
    exchange: Remote,
    door: Open,
    status: int,
) -> None:
    exchange.inject({"refuse": status, "retry_after_s": 3_600})
    before = sum(exchange.counters.requests.values())
    asked = wanted([SPOT], [DAY + dt.timedelta(days=n) for n in range(50)], ["1h"])
    found = fetch(lake, asked, door)
    assert all(isinstance(one, StreamLost | Refused) for one in found.values())
    assert sum(exchange.counters.requests.values()) == before + 1


def test_a_damaged_file_is_told_and_made_again_where_that_is_asked(
    lake: Lake,
    market: Market,
    door: Open,
) -> None:
    one = Wanted(SPOT, DAY, "1h")
    path = committed(fetch(lake, [one], door), one).path
    path.write_bytes(b"PAR1 no more")
    assert isinstance(fetch(lake, [one], door)[one], UnreadableInput)
    assert not judge(lake, one.partition)[0].passed
    committed(fetch(lake, [one], door, again=True), one)
    assert rows(lake, one).equals(tape(market, one))
    assert all(verdict.passed for verdict in judge(lake, one.partition))


def test_wanted_days_are_named_in_order_and_intervals_by_length() -> None:
    found = wanted([SWAP, SPOT, SWAP], [NEXT, DAY], ["1h", "5m"])
    assert [str(one) for one in found[:3]] == [
        "binance:BTC/USDT 2025-01-02 5m",
        "binance:BTC/USDT 2025-01-02 1h",
        "binance:BTC/USDT 2025-01-03 5m",
    ]
    assert len(found) == 8
    with pytest.raises(InvalidName, match="1w"):
        wanted([SPOT], [DAY], ["1w"])


def test_the_layout_knows_the_partitions(lake: Lake, door: Open) -> None:
    asked: Sequence[Wanted] = wanted([SPOT], [DAY, NEXT], ["1h"])
    fetch(lake, asked, door)
    assert list(lake.layout.partitions("ohlcv")) == [
        Partition(SPOT.instrument, DAY),
        Partition(SPOT.instrument, NEXT),
    ]
