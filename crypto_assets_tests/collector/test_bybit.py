"""A collector of an exchange that is told what to send once it is connected."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from crypto_assets.collector import Exit, Options, run, status
from crypto_assets.collector.connection import Connection
from crypto_assets.collector.recorder import Recorder
from crypto_assets.errors import StreamLost
from crypto_assets.exchange import random_market, run_in_thread
from crypto_assets.exchange.bybit_wire import match_id
from crypto_assets.lake import segments
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.segments import take_segments, venues, waiting
from crypto_assets.sources.bybit import Bybit

START_US = 1_772_323_200_000_000
ENOUGH = 3
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def options(lake: Path, urls: tuple[str, str]) -> Options:
    return Options(
        lake=lake,
        venue="bybit",
        symbols=SYMBOLS,
        ws_url=urls[0],
        http_url=urls[1],
        kinds=("trade",),
        rotate_seconds=1.5,
        overlap_seconds=0.2,
        flush_seconds=0.1,
        min_free_bytes=1,
        duration=5,
    )


def test_what_is_recorded_across_rotations_is_every_trade_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    market = random_market(SYMBOLS, START_US, 600, 60.0, 5)
    with run_in_thread(market) as exchange:
        asked = options(tmp_path / "lake", (exchange.ws_url, exchange.http_url))
        assert run(asked) == Exit.DONE
    lake = Lake(asked.lake)
    (session,) = status(lake.layout)
    assert session.venue == "bybit"
    assert session.rotations >= 1
    assert session.clock_offset_us is not None
    assert set(session.last_ids) == {"publicTrade.BTCUSDT", "publicTrade.ETHUSDT"}
    assert venues(lake) == ["bybit"]
    taken, unreadable = take_segments(lake, "bybit", waiting(lake, "bybit"))
    assert unreadable == {}
    for one in taken:
        assert (one.record.unreadable, one.record.unknown, one.record.torn) == (0, 0, None)
        assert set(one.record.ignored) <= {"ack", "collector"}
    for symbol in SYMBOLS:
        tape = market.tapes[symbol]
        (day,) = lake.layout.partitions("raw_trades", symbol)
        found = lake.scan("raw_trades", day).collect()
        number = {match_id(symbol, trade_id): trade_id for trade_id in tape.trades["trade_id"]}
        ids = sorted(number[name] for name in found["match_id"])
        assert len(ids) > 60
        assert ids == list(range(ids[0], ids[-1] + 1))
        summary = lake.summary("raw_trades", day)
        assert summary is not None
        assert summary.recorded
        assert summary.missing == ()


class Wire:
    """A connection that gives no frame, keeps what is said, and ends when it is told to."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.said_enough = asyncio.Event()
        self.is_lost = False
        self.ended = asyncio.Event()

    def __aiter__(self) -> Wire:
        return self

    async def __anext__(self) -> tuple[bytes, int]:
        await self.ended.wait()
        raise StreamLost("connection ended")

    async def say(self, message: bytes) -> None:
        if self.is_lost:
            raise StreamLost("connection ended")
        self.said.append(message)
        if len(self.said) >= ENOUGH:
            self.said_enough.set()

    async def close(self) -> None:
        self.ended.set()


async def connected(lake: Path, wire: Wire) -> Connection:
    asked = options(lake, ("ws://x", "http://x"))
    session = segments.directory(Lake(lake).layout, "bybit", "s")
    feed = dataclasses.replace(Bybit(), keep_alive=(0.001, b"again"))
    streams = feed.streams(SYMBOLS, ("trade",))
    recorder = Recorder(asked, session, dict)
    return Connection(1, streams, wire, recorder, feed, {})


def test_a_connection_subscribes_and_is_kept_open_until_it_is_closed(tmp_path: Path) -> None:
    async def scene() -> None:
        wire = Wire()
        connection = await connected(tmp_path, wire)
        await wire.said_enough.wait()
        subscribe = b'{"op":"subscribe","args":["publicTrade.BTCUSDT","publicTrade.ETHUSDT"]}'
        assert wire.said[:ENOUGH] == [subscribe, b"again", b"again"]
        await connection.close("test")
        said = len(wire.said)
        await asyncio.sleep(0.01)
        assert len(wire.said) == said

    asyncio.run(scene())


def test_a_word_that_cannot_be_said_leaves_the_loss_to_the_listener(tmp_path: Path) -> None:
    async def scene() -> None:
        wire = Wire()
        wire.is_lost = True
        connection = await connected(tmp_path, wire)
        await asyncio.sleep(0.01)
        assert connection.lives
        wire.ended.set()
        await asyncio.wait([connection.task])
        assert connection.task.exception() is None

    asyncio.run(scene())


def test_a_bybit_segment_is_an_input_like_any_other(tmp_path: Path) -> None:
    recording = Path(__file__).resolve().parents[1] / "recordings/bybit-linear-2026-08-09.jsonl"
    lake = Lake(tmp_path / "lake")
    record = take(lake, recording, "bybit").record
    assert {(one.symbol, one.rows) for one in record.landed} == {("BTCUSDT", 56), ("ETHUSDT", 23)}
