"""Ways to fetch bars through ccxt, on the same exchange: ``python -m bench.ohlcv``.

A loopback Bybit in a process of its own answers ``--delay`` seconds late, as a network would. Every
way keeps to the rate of the exchange, one request each 20 ms over all threads or tasks together.
Only the first sleeps so long after each request in every thread, as scripts do. A way is timed from
its first request, markets included and imports not; the last one also writes the lake.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import multiprocessing
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import ccxt

from bench.report import Table, machine, publish, wide
from crypto_assets.exchange import PAUSED, random_market, run_in_thread
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.listing import Listing
from crypto_assets.pipeline.ohlcv import fetch, wanted
from crypto_assets.sources.ohlcv import Bars
from crypto_assets.transforms.ohlcv_pages import Pages

MINUTE_MS, PAGE, CORES, AT_ONCE = 60_000, 1_000, 2, 8
FIRST = dt.date(2025, 1, 2)
COINS = ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "LTC", "TRX")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, and where from."""

    url: str
    days: int

    @property
    def listings(self) -> list[Listing]:
        """One swap a coin."""
        return [Listing("bybit", f"{coin}/USDT:USDT") for coin in COINS]

    @property
    def start_ms(self) -> int:
        """When the first day begins."""
        return (FIRST - dt.date(1970, 1, 1)).days * DAY_US // 1_000

    @property
    def end_ms(self) -> int:
        """When the last day ends."""
        return self.start_ms + self.days * DAY_US // 1_000


def client(order: Order, slower: int = 1) -> ccxt.bybit:
    made = ccxt.bybit({"enableRateLimit": True})
    made.rateLimit *= slower
    made.urls["api"] = dict.fromkeys(made.urls["api"], order.url)
    made.options["fetchCurrencies"] = False
    made.options["fetchMarkets"]["types"] = ["linear"]
    return made


def looped(made: ccxt.bybit, order: Order, symbol: str, pause: float) -> int:
    """Ask on from the last bar until nothing new comes, as scripts do; gives how many came."""
    since, found = order.start_ms, 0
    while since < order.end_ms:
        rows = made.fetch_ohlcv(symbol, "1m", since, PAGE)
        time.sleep(pause)
        rows = [row for row in rows if row[0] < order.end_ms]
        if not rows:
            break
        found += len(rows)
        since = rows[-1][0] + MINUTE_MS
    return found


def one_thread_a_core(order: Order) -> int:
    def group(coins: tuple[str, ...]) -> int:
        made = client(order)
        pause = made.rateLimit / 1_000
        return sum(looped(made, order, f"{coin}/USDT:USDT", pause) for coin in coins)

    with ThreadPoolExecutor(CORES) as pool:
        return sum(pool.map(group, (COINS[::2], COINS[1::2])))


def threads(order: Order) -> int:
    def one(coin: str) -> int:
        return looped(client(order, len(COINS)), order, f"{coin}/USDT:USDT", 0)

    with ThreadPoolExecutor(len(COINS)) as pool:
        return sum(pool.map(one, COINS))


def tasks(order: Order, at_once: int) -> int:
    async def run() -> int:
        turns = asyncio.Semaphore(at_once)
        async with Bars(order.listings, {"bybit": order.url}) as bars:

            async def one(listing: Listing) -> int:
                async with turns:
                    limit = await bars.limit(listing, "1m")
                    start, end = order.start_ms * 1_000, order.end_ms * 1_000
                    pages = Pages(start, end, MINUTE_MS * 1_000, limit)
                    while (ask := pages.next()) is not None:
                        pages.take(ask, await bars.page(listing, "1m", ask))
                    return len(pages.rows)

            return sum(await asyncio.gather(*map(one, order.listings)))

    return asyncio.run(run())


def stored(order: Order, at_once: int) -> int:
    dates = [FIRST + dt.timedelta(days=day) for day in range(order.days)]
    with tempfile.TemporaryDirectory() as directory:
        outcomes = fetch(
            Lake(Path(directory)),
            wanted(order.listings, dates, ["1m"]),
            partial(Bars, urls={"bybit": order.url}),
            at_once=at_once,
        )
        return sum(one.manifest.rows for one in outcomes.values() if isinstance(one, Committed))


WAYS: dict[str, Callable[[Order], int]] = {
    "a thread a core, a blocking loop that sleeps": one_thread_a_core,
    "a thread a symbol, a client each at its share of the rate": threads,
    "asyncio, one client, one symbol after the other": partial(tasks, at_once=1),
    "asyncio, one client, symbols side by side": partial(tasks, at_once=AT_ONCE),
    "the same by days, and into the lake": partial(stored, at_once=AT_ONCE),
}


def serve(answers: Connection, days: int, delay: float) -> None:
    start = (FIRST - dt.date(1970, 1, 1)).days * DAY_US - 60_000_000
    seconds = days * 86_400 + 3_600
    market = random_market([f"{coin}USDT" for coin in COINS], start, seconds, 0.1, seed=1)
    with run_in_thread(market, pace=PAUSED, faults={"slow_answer_s": delay}) as exchange:
        exchange.jump(market.end_us)
        answers.send(exchange.http_url)
        answers.recv()


def requests(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_control") as answer:
        return sum(json.loads(answer.read())["requests"].values())


def measured(delay: float, days: int, runs: int) -> Table:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there, days, delay), daemon=True)
    server.start()
    order = Order(here.recv(), days)
    expected = days * 1_440 * len(COINS)
    found: dict[str, list[tuple[float, float, int]]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way, run in WAYS.items():
            before, began, cpu = requests(order.url), time.perf_counter(), time.process_time()
            rows = run(order)
            took, used = time.perf_counter() - began, time.process_time() - cpu
            assert rows == expected, (way, rows, expected)
            found[way].append((took, used, requests(order.url) - before))
    here.send(None)
    server.join()
    table = Table(
        f"{len(COINS)} symbols, {days} days of 1m bars, each answer {delay * 1_000:.0f} ms late",
        ("", "s", "bars/s", "CPU s", "requests"),
    )
    for way, those in found.items():
        seconds, used, count = (statistics.median(column) for column in zip(*those, strict=True))
        cells = (f"{seconds:.2f}", f"{expected / seconds:,.0f}", f"{used:.2f}", f"{count:.0f}")
        table.rows.append((way, *cells))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ohlcv", description=__doc__)
    parser.add_argument("--days", type=int, default=5, help="days of each symbol")
    parser.add_argument("--runs", type=int, default=3, help="turns to take the median of")
    parser.add_argument("--delay", type=float, nargs="*", default=[0.0, 0.1], help="seconds")
    options = parser.parse_args()
    heading = f"{machine()}; median of {options.runs} turns"
    tables = [measured(delay, options.days, options.runs) for delay in options.delay]
    publish("ohlcv", heading, tables, wide())


if __name__ == "__main__":
    main()
