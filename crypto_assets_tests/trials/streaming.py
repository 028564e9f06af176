"""Kill publishers, consumers and the broker at random instants, and hold the table against it."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path

from crypto_assets.lake import segments, streamed
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.segments import SegmentWriter, line
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.publish import unpublished
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.status import known_partitions
from crypto_assets.pipeline.streamed import difference_of, standing
from crypto_assets.settings import Stream
from crypto_assets.sinks import duckdb_stream
from crypto_assets_tests.broker import NatsServer, nats_server
from crypto_assets_tests.trials import victims
from crypto_assets_tests.trials.recording import until

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT")
TRADES_A_SEGMENT = 300
SEGMENTS_AT_ONCE = 4
LONGEST_LIFE_S = 1.2
"""A victim lives between nothing and so long."""
PUBLISHER, CONSUMER = 0.45, 0.45
"""How the kills are shared out; the others are the server's."""
DUPLICATE_SECONDS = 2.0
"""The broker forgets ids quickly, so that repeats get through it."""
OPAQUE = Path(__file__).resolve().parents[1] / "recordings" / "bybit-linear-2026-08-09.jsonl"
"""A real recording of an exchange that names trades by UUIDs."""


@dataclass(slots=True)
class Market:
    """Trades of some symbols, recorded by two collectors into segments that overlap."""

    lake: Lake
    chance: random.Random
    next_id: int = 1_000
    number: int = 0
    issued: dict[str, dict[int, tuple[Decimal, Decimal]]] = field(
        default_factory=lambda: {symbol: {} for symbol in SYMBOLS},
    )

    def seal(self, count: int) -> None:
        """Seal so many more segments; the second collector repeats a part of the first one's."""
        for _ in range(count):
            first, last = self.next_id, self.next_id + TRADES_A_SEGMENT
            self.next_id = last
            ids = [one for one in range(first, last) if self.chance.random() > 0.01]
            self._write("one", [line for one in ids for line in self._lines(one)])
            some = ids[self.chance.randrange(len(ids)) :]
            self._write("two", [line for one in some for line in self._lines(one)])

    def _lines(self, number: int) -> Iterator[bytes]:
        for symbol in SYMBOLS:
            if number not in self.issued[symbol]:
                price = Decimal(self.chance.randrange(1, 10**15)).scaleb(-8)
                quantity = Decimal(self.chance.randrange(1, 10**12)).scaleb(-8)
                self.issued[symbol][number] = price, quantity
            price, quantity = self.issued[symbol][number]
            at_us = DAY.start_us + number * 1_000
            trade = {
                "e": "trade",
                "E": at_us + 900,
                "s": symbol,
                "t": number,
                "p": f"{price:.8f}",
                "q": f"{quantity:.8f}",
                "T": at_us,
                "m": number % 3 == 0,
                "M": True,
            }
            frame = {"stream": f"{symbol.lower()}@trade", "data": trade}
            text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
            yield line(at_us * 1_000 + 2_000_000, text.encode())

    def _write(self, session: str, lines: list[bytes]) -> None:
        self.number += 1
        write(self.lake, "binance", session, self.number, b"".join(lines))


def write(lake: Lake, venue: str, session: str, number: int, lines: bytes) -> None:
    """Seal one segment."""
    directory = segments.directory(lake.layout, venue, session)
    directory.mkdir(parents=True, exist_ok=True)
    name = segments.segment_name(DAY.start_us * 1_000 + number * 10**9, number)
    writer = SegmentWriter(directory, name, b"")
    writer.write(lines)
    writer.seal()


@dataclass(slots=True)
class Processes:
    """A publisher and a consumer; whichever is killed is started again at once."""

    work: dict[str, Callable[[Path, Stream], None]]
    root: Path
    stream: Stream
    alive: dict[str, BaseProcess] = field(default_factory=dict)

    def start(self, name: str) -> None:
        self.alive[name] = victims.started(self.work[name], self.root, self.stream)

    def kill(self, name: str) -> None:
        process = self.alive[name]
        assert process.exitcode is None, f"the {name} ended by itself with {process.exitcode}"
        process.kill()
        process.join()

    def end(self) -> None:
        for process in self.alive.values():
            process.kill()
            process.join()


@contextlib.contextmanager
def running(root: Path, stream: Stream) -> Iterator[Processes]:
    found = Processes(
        {"publisher": victims.publish, "consumer": victims.consume},
        root,
        stream,
    )
    try:
        for name in found.work:
            found.start(name)
        yield found
    finally:
        found.end()


def trial(root: Path, store: Path, kills: int, seed: int) -> str:
    """Kill so many processes while trades are published and consumed; gives what was done.

    Raises:
        AssertionError: the table is not exactly what was recorded.
    """
    chance = random.Random(f"{seed} broker")
    lake, counted = Lake(root), Counter[str]()
    market = Market(lake, chance)
    market.seal(SEGMENTS_AT_ONCE)
    write(lake, "bybit", "three", 1, OPAQUE.read_bytes())
    with nats_server(store) as server:
        stream = Stream(
            url=server.url,
            duplicate_seconds=DUPLICATE_SECONDS,
            batch_rows=2_000,
            batch_seconds=0.2,
            redeliver_seconds=2,
        )
        with running(root, stream) as processes:
            looks = 0
            while counted.total() < kills:
                time.sleep(chance.random() * LONGEST_LIFE_S)
                one = chance.random()
                if one < PUBLISHER:
                    name = "publisher"
                elif one < PUBLISHER + CONSUMER:
                    name = "consumer"
                else:
                    name = "server"
                _killed(name, server, processes)
                counted[name] += 1
                looks += _each_once(lake)
                if chance.random() < 0.2:
                    # Taken segments move; the publisher finds them among the inputs.
                    take_segments(lake, "binance", waiting(lake, "binance")[:2])
                if len(unpublished(lake, stream.destination)) < SEGMENTS_AT_ONCE:
                    market.seal(SEGMENTS_AT_ONCE)
            until(
                lambda: not unpublished(lake, stream.destination),
                "everything recorded is published",
            )
            _all_there(lake, market)
        stored = _last_sequence(server)
    for venue in ("binance", "bybit"):
        _, unreadable = take_segments(lake, venue, waiting(lake, venue))
        assert not unreadable
    expected = _exactly_once(lake, market)
    assert streamed.letters(lake.layout, stream.name) == []
    done = ", ".join(f"{counted[name]} {name}s" for name in ("publisher", "consumer", "server"))
    return (
        f"{counted.total()} kills ({done}), seed {seed}: {expected:,} trades once each, "
        f"{stored - expected:,} repeats got through the broker and were dropped by their ids, "
        f"{looks} looks by SQL meanwhile"
    )


def _killed(name: str, server: NatsServer, processes: Processes) -> None:
    if name == "server":
        server.kill()
        server.start()
        return
    processes.kill(name)
    processes.start(name)


def _each_once(lake: Lake) -> int:
    """Look into the table as a user does: whatever is there by now is there once."""
    if not lake.layout.trade_stream.exists():
        return 0
    found = query(
        lake,
        "SELECT count(*), count(DISTINCT (venue, symbol, trade_id, match_id)) FROM trade_stream",
    )
    rows, distinct = found.row(0)
    assert rows == distinct
    return 1


def _all_there(lake: Lake, market: Market) -> None:
    """Wait until every trade that was issued is in the table; two minutes are for ever."""
    wanted = sum(len(trades) for trades in market.issued.values())
    for _ in range(240):
        found = Counter[str]()
        for venue, rows in duckdb_stream.days(lake.layout.trade_stream)[
            "venue", "rows"
        ].iter_rows():
            found[venue] += rows
        if found["binance"] == wanted and found["bybit"] > 0:
            return
        time.sleep(0.5)
    raise AssertionError(f"expected {wanted} trades of binance and some of bybit, found {found}")


def _last_sequence(server: NatsServer) -> int:
    """Say how many messages the broker ever stored."""
    import asyncio

    import nats

    async def asked() -> int:
        client = await nats.connect(server.url)
        found = await client.jsm().stream_info("trades")
        await client.close()
        return int(found.state.last_seq)

    return asyncio.run(asked())


def _exactly_once(lake: Lake, market: Market) -> int:
    """Hold the table against what was issued, by id and to the last decimal, and the lake."""
    _each_once(lake)
    sums = query(
        lake,
        "SELECT symbol, count(*) AS rows, sum(price) AS price, sum(quantity) AS quantity "
        "FROM trade_stream WHERE venue = 'binance' GROUP BY ALL",
    )
    found = {row[0]: row[1:] for row in sums.iter_rows()}
    assert found == {
        symbol: (
            len(trades),
            sum(price for price, _ in trades.values()),
            sum(quantity for _, quantity in trades.values()),
        )
        for symbol, trades in market.issued.items()
    }
    every = query(
        lake,
        "SELECT symbol, trade_id, price, quantity FROM trade_stream WHERE venue = 'binance'",
    )
    assert set(every.iter_rows()) == {
        (symbol, number, price, quantity)
        for symbol, trades in market.issued.items()
        for number, (price, quantity) in trades.items()
    }
    days = [day for day in known_partitions(lake) if lake.layout.files("raw_trades", day)]
    assert {day.instrument.venue for day in days} == {"binance", "bybit"}
    for day in days:
        assert difference_of(lake, day).is_none, str(day)
    assert sum(one.lag for one in standing(lake)) == 0
    rows = query(lake, "SELECT count(*) FROM trade_stream").item()
    lake_rows = query(lake, "SELECT count(*) FROM trades").item()
    assert rows == lake_rows
    return int(rows)
