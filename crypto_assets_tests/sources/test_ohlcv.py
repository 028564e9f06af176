"""Unmodified ccxt clients, through their own limiters, give the tape's klines bar for bar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import polars as pl
import pytest

from crypto_assets.errors import InvalidName, Refused, StreamLost, UnreadableInput
from crypto_assets.exchange import PAUSED, Market, Remote, random_market, run_in_thread
from crypto_assets.model.listing import Listing
from crypto_assets.sources import ohlcv
from crypto_assets.sources.ohlcv import Bars
from crypto_assets.transforms.ohlcv_pages import Ask, Row

T = TypeVar("T")
MINUTE = 60_000_000
MIDNIGHT_US = 1_735_776_000_000_000
LISTINGS = [
    Listing.parse(text)
    for text in (
        "binance:BTC/USDT",
        "binance:BTC/USDT:USDT",
        "binanceusdm:BTC/USDT:USDT",
        "bybit:BTC/USDT",
        "bybit:BTC/USDT:USDT",
    )
]


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(["BTCUSDT", "ETHUSDT"], MIDNIGHT_US - 20 * MINUTE, 2_400, 3, seed=7)


@pytest.fixture(scope="module")
def running(market: Market) -> Iterator[Remote]:
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


@pytest.fixture
def exchange(running: Remote) -> Iterator[Remote]:
    yield running
    running.inject({"refuse": None, "kline_page": 0, "klines_from_end": False})


def opened(exchange: Remote) -> Bars:
    urls = {one.exchange: exchange.http_url for one in LISTINGS}
    return Bars(LISTINGS, urls)


def asked(exchange: Remote, question: Callable[[Bars], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(exchange) as bars:
            return await question(bars)

    return asyncio.run(run())


def expected(market: Market, first: int, last: int) -> list[Row]:
    found = market.tapes["BTCUSDT"].klines(
        MINUTE,
        range(first, last, MINUTE),
        market.tapes["BTCUSDT"].trades_until(market.end_us),
    )
    columns = ("open_us", "open", "high", "low", "close", "volume")
    return [
        (row[0], *row[1:])
        for row in found.select(
            columns[0],
            *(pl.col(name).cast(pl.String) for name in columns[1:]),
        ).iter_rows()
    ]


@pytest.mark.parametrize("listing", LISTINGS, ids=str)
def test_the_bars_are_those_of_the_tape_as_text(
    exchange: Remote,
    market: Market,
    listing: Listing,
) -> None:
    ask = Ask(MIDNIGHT_US - 10 * MINUTE, MIDNIGHT_US + 5 * MINUTE, 15)
    rows = asked(exchange, lambda bars: bars.page(listing, "1m", ask))
    assert rows == expected(market, ask.start_us, ask.end_us)
    assert len(rows) == 15


@pytest.mark.parametrize("listing", LISTINGS, ids=str)
def test_the_clock_and_the_limit_are_the_exchange_s_own(
    exchange: Remote,
    market: Market,
    listing: Listing,
) -> None:
    now = asked(exchange, lambda bars: bars.passed_us(listing.exchange, market.end_us))
    assert now == market.end_us // 1_000 * 1_000
    limit = asked(exchange, lambda bars: bars.limit(listing, "1m"))
    assert limit in (500, 1_000)


def test_the_clock_is_not_asked_for_what_is_known_to_be_past(exchange: Remote) -> None:
    async def twice(bars: Bars) -> tuple[int, int]:
        return (
            await bars.passed_us("bybit", MIDNIGHT_US),
            await bars.passed_us("bybit", MIDNIGHT_US),
        )

    before = exchange.counters.requests.get("v5/market/time", 0)
    first, second = asked(exchange, twice)
    assert first == second
    assert exchange.counters.requests["v5/market/time"] == before + 1


def test_only_the_kinds_of_markets_that_are_asked_for_are_loaded(exchange: Remote) -> None:
    spot = Listing.parse("bybit:BTC/USDT")

    async def run() -> int:
        async with Bars([spot], {"bybit": exchange.http_url}) as bars:
            return await bars.limit(spot, "1m")

    before = exchange.counters.requests.get("v5/market/instruments-info", 0)
    asyncio.run(run())
    assert exchange.counters.requests["v5/market/instruments-info"] == before + 1


@pytest.mark.parametrize("status", [429, 418, 503])
def test_a_refusal_for_now_is_a_lost_stream_with_a_time_to_wait(
    exchange: Remote,
    status: int,
) -> None:
    exchange.inject({"refuse": status, "retry_after_s": 7})
    with pytest.raises(StreamLost) as lost:
        asked(exchange, lambda bars: bars.passed_us("binance", 2**62))
    assert lost.value.retry_after == (7 if status in (418, 429) else 1)


@pytest.mark.parametrize("name", ["binance", "binanceusdm", "bybit"])
def test_a_refusal_for_good_is_told_as_one(exchange: Remote, name: str) -> None:
    exchange.inject({"refuse": 451})
    with pytest.raises(Refused) as refused:
        asked(exchange, lambda bars: bars.passed_us(name, 2**62))
    assert refused.value.status == 451


def test_an_exchange_that_cannot_be_reached_is_a_lost_stream() -> None:
    async def run() -> int:
        async with Bars(LISTINGS, {"bybit": "http://127.0.0.1:9"}) as bars:
            return await bars.passed_us("bybit", 1)

    with pytest.raises(StreamLost, match=r"127\.0\.0\.1:9"):
        asyncio.run(run())


def test_everybody_waits_where_an_exchange_asked_to_be_left_alone(exchange: Remote) -> None:
    async def refused_then_asked(bars: Bars) -> tuple[float, int]:
        exchange.inject({"refuse": 429, "refuse_times": 1, "retry_after_s": 1})
        with pytest.raises(StreamLost):
            await bars.passed_us("binance", 2**62)
        loop = asyncio.get_running_loop()
        until = bars._clients["binance"].not_before
        await bars.passed_us("binance", 2**62)
        return loop.time() - until, 1

    behind, _ = asked(exchange, refused_then_asked)
    assert behind >= 0


def test_what_no_exchange_has_is_refused_by_name(exchange: Remote) -> None:
    unlisted = Listing.parse("bybit:XYZ/USDT")
    with pytest.raises(InvalidName, match="that the exchange lists"):
        asked(exchange, lambda bars: bars.limit(unlisted, "1m"))
    with pytest.raises(InvalidName, match="expected an interval it has"):
        asked(exchange, lambda bars: bars.limit(LISTINGS[-1], "7m"))
    with pytest.raises(InvalidName, match="expected one of ccxt's"):
        asked(exchange, lambda bars: bars.passed_us("nowhere", 1))


def test_the_exchange_s_own_word_for_a_bad_symbol_is_refused_by_name(exchange: Remote) -> None:
    async def delisted(bars: Bars) -> list[Row]:
        listing = LISTINGS[0]
        await bars.limit(listing, "1m")
        bars._clients["binance"].ccxt.markets[listing.unified]["id"] = "GONE"
        return await bars.page(listing, "1m", Ask(MIDNIGHT_US, MIDNIGHT_US + MINUTE, 1))

    with pytest.raises(InvalidName, match="BadSymbol"):
        asked(exchange, delisted)


def test_a_bar_without_all_its_numbers_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="five numbers"):
        ohlcv._row([1, "1", "1", "1", "1", None], LISTINGS[0])
    with pytest.raises(UnreadableInput, match="five numbers"):
        ohlcv._row([1, "1"], LISTINGS[0])


def test_addresses_are_moved_with_their_paths() -> None:
    urls = {"rest": {"public": "https://api.{hostname}/v1"}, "ws": "wss://x/y", "other": None}
    assert ohlcv._moved(urls, "http://127.0.0.1:1") == {
        "rest": {"public": "http://127.0.0.1:1/v1"},
        "ws": "http://127.0.0.1:1/y",
        "other": None,
    }


@pytest.mark.parametrize(
    ("unified", "kind"),
    [
        ("BTC/USDT", "spot"),
        ("BTC/USDT:USDT", "linear"),
        ("BTC/USD:BTC", "inverse"),
        ("BTC/USDT:USDT-261225", "linear"),
        ("BTC/USD:BTC-261225-100000-C", "option"),
    ],
)
def test_the_kind_of_a_market_is_read_off_its_unified_symbol(unified: str, kind: str) -> None:
    assert ohlcv._kind(unified) == kind
