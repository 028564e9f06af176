"""A collector against a real server: what was sent is on disk, whatever happens in between."""

from __future__ import annotations

import dataclasses
import http
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from crypto_assets.collector import Exit, Options, run, status
from crypto_assets.errors import InvalidName, InvalidSettings
from crypto_assets.exchange.market import random_market
from crypto_assets.exchange.pace import PAUSED, Pace
from crypto_assets.exchange.thread import Remote, run_in_thread
from crypto_assets.lake import segments
from crypto_assets.lake.blocks import Torn, blocks
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.layout import Layout
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.collector.conftest import until

Note = dict[str, Any]
BEFORE_MIDNIGHT_US = 1_740_787_190_000_000
"""Ten seconds before a midnight UTC."""


class Exchange(Protocol):
    sent: dict[str, set[int]]
    opened: int
    refuse: http.HTTPStatus | None
    is_trading: bool
    is_mute: bool

    @property
    def open(self) -> int: ...
    def hang_up(self) -> None: ...
    def mute(self) -> None: ...
    def announce_end(self) -> None: ...


def recorded(options: Options) -> tuple[dict[str, Counter[int]], list[Note]]:
    """The ids of each stream with how often they were recorded, and the collector's own lines."""
    ids: dict[str, Counter[int]] = {}
    notes: list[Note] = []
    for path in segments.sealed(Layout(options.lake), options.venue):
        for block in blocks(path):
            assert not isinstance(block, Torn)
            for found in block.data.splitlines():
                message = msgspec.json.decode(found[20:])
                if "collector" in message:
                    notes.append(message)
                elif "t" in message["data"]:
                    seen = ids.setdefault(message["stream"], Counter())
                    seen[message["data"]["t"]] += 1
    return ids, notes


class Running:
    """A collector in a process of its own."""

    def __init__(self, options: Options) -> None:
        script = "import pickle,sys; from crypto_assets.collector import run; "
        script += "sys.exit(run(pickle.load(sys.stdin.buffer)))"
        self.options = options
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(pickle.dumps(options))
        self.process.stdin.close()
        self.process.stdin = None

    def stop(self) -> tuple[int, str]:
        """End it as a supervisor does; its exit status and what it said."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode()

    def frames(self) -> int:
        return sum(found.frames for found in status(Layout(self.options.lake), "binance"))


@contextmanager
def running(options: Options) -> Iterator[Running]:
    found = Running(options)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.communicate()


def quiet(exchange: Exchange) -> None:
    """Stop the market and let what was sent arrive."""
    exchange.is_trading = False
    time.sleep(0.3)


def traded(exchange: Exchange, count: int) -> bool:
    """Whether so many trades of each of three streams were sent."""
    return len(exchange.sent) == 3 and all(len(ids) >= count for ids in exchange.sent.values())


def kinds(notes: list[Note]) -> Counter[str]:
    return Counter(note["collector"] for note in notes)


def played(exchange: Remote, seconds: float) -> None:
    """Let the market go on for some seconds of its own time."""
    to_us = exchange.counters.now_us + int(seconds * 10**6)
    exchange.play(Pace(speed=5.0))
    until(lambda: exchange.counters.now_us >= to_us)


def test_every_id_issued_is_in_the_lake_once_after_hang_ups_rotations_and_a_shutdown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    symbols = ("BTCUSDT", "ETHUSDT", "NEXOUSDT")
    market = random_market(symbols, BEFORE_MIDNIGHT_US, 3600, 40.0, 11)
    with run_in_thread(market, pace=PAUSED) as exchange:
        options = Options(
            lake=tmp_path / "lake",
            symbols=symbols,
            ws_url=exchange.ws_url,
            http_url=exchange.http_url,
            overlap_seconds=0.2,
            rotate_seconds=1.2,
            roll_seconds=0.8,
            flush_seconds=0.1,
            min_free_bytes=1,
            streams_per_connection=4,
        )
        with running(options) as collector:
            until(lambda: exchange.counters.connections == 2)
            # Connections are rotated while the market runs: no hole may come of it.
            played(exchange, 10)
            until(lambda: exchange.counters.opened >= 4 and exchange.counters.connections == 2)
            # What is sent while nobody is connected is gone for good, so there is none here.
            exchange.play(PAUSED)
            opened = exchange.counters.opened
            exchange.inject({"hang_up": "close"})
            until(lambda: exchange.counters.opened >= opened + 2)
            played(exchange, 2)
            opened = exchange.counters.opened
            exchange.inject({"server_shutdown_s": 2.0})
            until(lambda: exchange.counters.opened >= opened + 2)
            played(exchange, 3)
            exchange.play(PAUSED)
            time.sleep(0.3)
            assert collector.stop()[0] == Exit.DONE
        counters = exchange.counters
    lake = Lake(options.lake)
    assert segments.growing(lake.layout, "binance") == []
    raw, notes = recorded(options)
    # The overlap of two connections is there: that is what closes the hole.
    assert any(count > 1 for ids in raw.values() for count in ids.values())
    assert kinds(notes)["lost"] >= 2
    reasons = Counter(note["why"] for note in notes if note["collector"] == "closed")
    assert reasons["age"] >= 2
    assert reasons["shutdown announced"] >= 2
    for path in segments.sealed(lake.layout, "binance"):
        record = take(lake, path).record
        assert (record.unreadable, record.unknown, record.torn) == (0, 0, None)
        assert set(record.ignored) <= {"collector", "serverShutdown"}
    days = set()
    for symbol in symbols:
        issued = counters.issued[symbol]
        assert issued is not None
        found: list[int] = []
        for partition in lake.layout.partitions("raw_trades", symbol):
            days.add(partition.date)
            found += lake.scan("raw_trades", partition).collect()["trade_id"].to_list()
        assert found == list(range(issued[0], issued[1] + 1))
    assert len(days) == 2


def test_a_rotation_loses_nothing_while_the_market_runs(
    exchange: Exchange,
    options: Options,
) -> None:
    options = dataclasses.replace(options, rotate_seconds=0.4, duration=3)
    assert run(options) == Exit.DONE
    ids, notes = recorded(options)
    assert "lost" not in kinds(notes)
    assert sum(note.get("why") == "age" for note in notes) >= 4
    for seen in ids.values():
        assert set(seen) == set(range(min(seen), max(seen) + 1))


def test_a_silent_connection_is_replaced(exchange: Exchange, options: Options) -> None:
    options = dataclasses.replace(options, stall_seconds=0.5)
    with running(options) as collector:
        until(lambda: exchange.open == 2 and traded(exchange, 10))
        exchange.mute()
        until(lambda: exchange.opened >= 4)
        until(lambda: exchange.open == 2)
        quiet(exchange)
        assert collector.stop()[0] == Exit.DONE
    _, notes = recorded(options)
    assert kinds(notes)["silent"] >= 2
    assert sum(note.get("why") == "silence" for note in notes) >= 2


def test_a_successor_that_delivers_nothing_does_not_take_over(
    exchange: Exchange,
    options: Options,
) -> None:
    options = dataclasses.replace(options, rotate_seconds=0.5, stall_seconds=0.5)
    with running(options) as collector:
        until(lambda: exchange.open == 2)
        exchange.is_mute = True
        until(lambda: exchange.opened >= 4)
        time.sleep(1.5)
        quiet(exchange)
        assert collector.stop()[0] == Exit.DONE
    ids, notes = recorded(options)
    assert sum(note.get("why") == "no successor" for note in notes) >= 1
    assert not [note for note in notes if note.get("why") == "age" and "frames" in note]
    assert {stream: set(seen) for stream, seen in ids.items()} == exchange.sent


def test_a_quiet_markets_segment_is_sealed_too(exchange: Exchange, options: Options) -> None:
    exchange.is_trading = False
    assert run(dataclasses.replace(options, roll_seconds=0.3, duration=1.5)) == Exit.DONE
    ids, notes = recorded(options)
    assert ids == {}
    assert kinds(notes)["segment"] >= 3
    assert kinds(notes)["segment"] == kinds(notes)["end"]


def test_every_segment_says_what_it_is_a_recording_of(exchange: Exchange, options: Options) -> None:
    assert run(dataclasses.replace(options, roll_seconds=0.5, duration=1.5)) == Exit.DONE
    for number, path in enumerate(segments.sealed(Layout(options.lake), "binance"), 1):
        lines = b"".join(block.data for block in blocks(path) if not isinstance(block, Torn))
        first, *_, last = lines.splitlines()
        header, end = msgspec.json.decode(first[20:]), msgspec.json.decode(last[20:])
        assert (header["collector"], header["segment"]) == ("segment", number)
        assert header["session"] == path.parent.name
        assert header["pid"] == os.getpid()
        assert int(first[:19]) == header["wall_ns"]
        told = [stream for shard in header["shards"] for stream in shard["streams"]]
        assert told == ["btcusdt@trade", "ethusdt@trade", "nexousdt@trade"]
        assert (end["collector"], end["lines"]) == ("end", len(lines.splitlines()) - 2)


def test_the_clock_is_measured_into_the_recording(exchange: Exchange, options: Options) -> None:
    assert run(dataclasses.replace(options, clock_seconds=0.3, duration=1.5)) == Exit.DONE
    measured = [note for note in recorded(options)[1] if note["collector"] == "clock"]
    assert len(measured) >= 2
    assert all(abs(note["offset_us"]) <= note["round_trip_us"] for note in measured)


def test_a_clock_that_cannot_be_asked_stops_no_recording(
    exchange: Exchange,
    options: Options,
) -> None:
    wrong = f"{options.http_url}/elsewhere"
    assert run(dataclasses.replace(options, http_url=wrong, duration=1)) == Exit.DONE
    ids, notes = recorded(options)
    assert ids
    assert [note for note in notes if note["collector"] == "clock" and "error" in note]


def test_a_killed_collectors_segment_is_sealed_by_the_next(
    exchange: Exchange,
    options: Options,
) -> None:
    with running(options) as collector:
        until(lambda: traded(exchange, 200))
        collector.process.kill()
        collector.ended()
    layout = Layout(options.lake)
    assert [found.is_alive for found in status(layout, "binance")] == [False]
    [left] = segments.growing(layout, "binance")
    assert run(dataclasses.replace(options, duration=0.5)) == Exit.DONE
    assert segments.growing(layout, "binance") == []
    record = take(Lake(options.lake), left.with_name(left.name.removesuffix(".open"))).record
    assert record.torn is not None
    assert record.landed[0].rows > 20


def test_two_collectors_side_by_side_both_record_everything(
    exchange: Exchange,
    options: Options,
) -> None:
    with running(options) as one, running(options) as other:
        until(lambda: exchange.open == 4 and len(status(Layout(options.lake), "binance")) == 2)
        found = status(Layout(options.lake), "binance")
        assert [session.is_alive for session in found] == [True, True]
        quiet(exchange)
        assert (one.stop()[0], other.stop()[0]) == (Exit.DONE, Exit.DONE)
    sessions = {path.parent for path in segments.sealed(Layout(options.lake), "binance")}
    assert len(sessions) == 2
    ids, _ = recorded(options)
    assert {stream: set(seen) for stream, seen in ids.items()} == exchange.sent


def test_a_legal_refusal_ends_it_and_is_never_asked_again(
    exchange: Exchange,
    options: Options,
) -> None:
    exchange.refuse = http.HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
    assert run(dataclasses.replace(options, duration=20)) == Exit.REFUSED
    assert exchange.opened == 0
    assert kinds(recorded(options)[1])["refused"] >= 1


def test_a_legal_refusal_in_the_middle_ends_it_sealed(
    exchange: Exchange,
    options: Options,
) -> None:
    with running(options) as collector:
        until(lambda: exchange.open == 2 and traded(exchange, 10))
        exchange.refuse = http.HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
        exchange.hang_up()
        assert collector.ended()[0] == Exit.REFUSED
    ids, _ = recorded(options)
    assert {stream: set(seen) for stream, seen in ids.items()} == exchange.sent


def test_an_address_that_was_served_and_is_not_found_is_tried_again(
    exchange: Exchange,
    options: Options,
) -> None:
    with running(options) as collector:
        until(lambda: exchange.open == 2 and traded(exchange, 10))
        exchange.refuse = http.HTTPStatus.NOT_FOUND
        exchange.hang_up()
        time.sleep(0.7)
        exchange.refuse = None
        until(lambda: exchange.open == 2)
        quiet(exchange)
        assert collector.stop()[0] == Exit.DONE
    ids, notes = recorded(options)
    assert kinds(notes)["lost"] == 2
    assert {stream: set(seen) for stream, seen in ids.items()} == exchange.sent


def test_a_server_in_trouble_is_tried_again(exchange: Exchange, options: Options) -> None:
    exchange.refuse = http.HTTPStatus.SERVICE_UNAVAILABLE
    with running(options) as collector:
        until(lambda: list(options.lake.glob("segments/*/*/status.json")))
        time.sleep(0.3)
        exchange.refuse = None
        until(lambda: traded(exchange, 10))
        assert collector.stop()[0] == Exit.DONE
    assert kinds(recorded(options)[1])["failed"] >= 1


def test_failures_before_a_connection_worked_do_not_hold_up_its_successor(
    exchange: Exchange,
    options: Options,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crypto_assets.collector.backoff.SETTLED", 0.3)
    exchange.refuse = http.HTTPStatus.SERVICE_UNAVAILABLE
    brief = dataclasses.replace(options, duration=5)
    thread = threading.Thread(target=run, args=(brief,))
    thread.start()
    until(lambda: list(options.lake.glob("segments/*/*/status.json")))
    time.sleep(0.3)
    exchange.refuse = None
    until(lambda: exchange.open == 2)
    time.sleep(0.5)
    # From here on whoever has failed waits for up to an hour.
    for name in ("FIRST", "LONGEST"):
        monkeypatch.setattr(f"crypto_assets.collector.backoff.{name}", 3600.0)
    exchange.announce_end()
    thread.join()
    assert kinds(recorded(options)[1])["failed"] >= 2
    assert exchange.opened >= 4


def test_a_disk_with_too_little_room_ends_it_sealed(exchange: Exchange, options: Options) -> None:
    assert run(dataclasses.replace(options, min_free_bytes=1 << 62, duration=20)) == Exit.DISK
    assert kinds(recorded(options)[1])["disk"] == 1
    assert [found.state for found in status(Layout(options.lake), "binance")] == ["disk"]


def test_a_disk_that_fails_ends_it_and_keeps_what_was_flushed(
    exchange: Exchange,
    options: Options,
) -> None:
    with running(options) as collector:
        until(lambda: traded(exchange, 50))
        import resource

        # One more write of lines passes no limit below what is there.
        resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE, (64, 64))
        code, said = collector.ended()
    assert code == Exit.FAILED, said
    assert "event=failed" in said
    assert "lines_lost=" in said
    layout = Layout(options.lake)
    assert segments.growing(layout, "binance") == []
    torn = [block for path in segments.sealed(layout, "binance")[:1] for block in blocks(path)]
    assert isinstance(torn[-1], Torn)
    assert not isinstance(torn[0], Torn)


def test_slow_disks_hold_the_sockets_and_drop_nothing(exchange: Exchange, options: Options) -> None:
    options = dataclasses.replace(options, held_bytes=2000, flush_seconds=0.4)
    with running(options) as collector:
        until(lambda: traded(exchange, 100))
        quiet(exchange)
        time.sleep(1)
        assert collector.stop()[0] == Exit.DONE
    ids, notes = recorded(options)
    assert kinds(notes)["paused"] >= 1
    assert {stream: set(seen) for stream, seen in ids.items()} == exchange.sent


def test_status_tells_rate_ids_lag_and_heartbeat(exchange: Exchange, options: Options) -> None:
    layout = Layout(options.lake)
    assert status(layout, "binance") == []
    with running(options) as collector:
        until(lambda: [found for found in status(layout, "binance") if found.last_ids])
        until(lambda: collector.frames() > 300)
        [found] = status(layout, "binance")
        assert (found.state, found.is_alive, found.connections) == ("recording", True, 2)
        assert found.frames_per_second > 0
        assert set(found.last_ids) == {"btcusdt@trade", "ethusdt@trade", "nexousdt@trade"}
        assert found.lag_ms is not None
        assert found.segment is not None
        assert abs(time.time_ns() - found.heartbeat_ns) < 60 * 10**9
        collector.stop()
    [found] = status(layout, "binance")
    assert (found.state, found.is_alive, found.connections) == ("done", False, 0)


def test_its_log_is_one_line_an_event_and_old_ones_go(exchange: Exchange, options: Options) -> None:
    logs = options.lake / "logs"
    logs.mkdir(parents=True)
    old, new = logs / "collector-old.log", logs / "collector-new.log.2026-01-01"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    assert run(dataclasses.replace(options, duration=0.5)) == Exit.DONE
    assert (old.exists(), new.exists()) == (False, True)
    [path] = [path for path in logs.iterdir() if path != new]
    said = path.read_text().splitlines()
    assert all(" level=" in line and " event=" in line for line in said)
    assert any("event=sealed segment=" in line for line in said)


def test_two_signals_end_it_once(exchange: Exchange, options: Options) -> None:
    with running(options) as collector:
        until(lambda: traded(exchange, 10))
        collector.process.send_signal(signal.SIGINT)
        collector.process.send_signal(signal.SIGTERM)
        assert collector.ended()[0] == Exit.DONE
    assert kinds(recorded(options)[1])["stop"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": ()},
        {"symbols": ("btc/usdt",)},
        {"kinds": ("a b",)},
        {"venue": "elsewhere"},
        {"ws_url": "https://data-stream.binance.vision"},
        {"http_url": "data-api.binance.vision"},
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_made(
    tmp_path: Path,
    wrong: dict[str, Any],
) -> None:
    given: dict[str, Any] = {"symbols": ("BTCUSDT",), **wrong}
    with pytest.raises((InvalidName, InvalidSettings)):
        run(Options(lake=tmp_path / "lake", **given))
    assert not (tmp_path / "lake").exists()


def test_it_is_recorded_without_dagster_and_without_frames_of_data() -> None:
    script = "import sys, crypto_assets.collector; "
    script += "print(sorted({'dagster','polars','pyarrow','numpy','duckdb'} & set(sys.modules)))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_runs_in_a_thread_too(exchange: Exchange, options: Options) -> None:
    ended: list[int] = []
    short = dataclasses.replace(options, duration=0.5)
    thread = threading.Thread(target=lambda: ended.append(run(short)))
    thread.start()
    thread.join()
    assert ended == [Exit.DONE]
