"""From a sealed segment through the broker into SQL: ``python -m bench.broker``.

Each contender is a whole process against a nats-server of its own, in turns. Messages per second
are those of the publisher's or the consumer's own clock, its imports left out. The latency is that
of ``crypto-assets publish`` and ``crypto-assets consume`` as they are deployed: from the seal of a
segment of one second until a SELECT first counts all of its trades.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from bench.process import end
from bench.race import PROJECT, Contender
from bench.race import run as measured
from bench.report import Table, machine, publish, wide
from crypto_assets.lake import segments
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.segments import SegmentWriter, line
from crypto_assets.model.message import STREAM_FRAME, Message
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.consume import Batch, consume
from crypto_assets.pipeline.query import query
from crypto_assets.sinks.duckdb_stream import TradeStream
from crypto_assets.sinks.nats import NatsBroker
from crypto_assets.sinks.nats_link import Server, Stream
from crypto_assets.sinks.nats_pull import NatsSubscription
from crypto_assets.transforms.messages import messages_of

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
STREAM = Stream(name="trades", max_bytes=4 << 30, duplicate_seconds=120)
ROWS_AT_ONCE = 20_000


def trades(count: int, first: int = 1) -> pl.DataFrame:
    ids = np.arange(first, first + count)
    whole = pl.DataFrame({"trade_id": ids, "ts_event": DAY.start_us + ids * 100})
    return whole.select(
        pl.lit("binance").alias("venue"),
        pl.lit("BTCUSDT").alias("symbol"),
        "trade_id",
        pl.col("ts_event").cast(pl.Datetime("us", "UTC")),
        (pl.lit(6_170_000_000_000) + pl.col("trade_id"))
        .cast(pl.Int128)
        .reinterpret(dtype=pl.Decimal(18, 8))
        .alias("price"),
        pl.col("trade_id").cast(pl.Int128).reinterpret(dtype=pl.Decimal(28, 8)).alias("quantity"),
        (pl.col("trade_id") % 2 == 0).alias("is_buyer_maker"),
        pl.lit(None).cast(pl.Datetime("us", "UTC")).alias("ts_recv"),
        pl.lit(None).cast(pl.Decimal(28, 8)).alias("quoted_value"),
        pl.lit(None).cast(pl.String).alias("match_id"),
    ).select(*STREAM_FRAME)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def serving(words: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(500):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


@contextlib.contextmanager
def nats(store: Path) -> Iterator[str]:
    port = free_port()
    words = ["nats-server", "-js", "-sd", str(store), "-a", "127.0.0.1", "-p", str(port)]
    with serving(words, port):
        yield f"nats://127.0.0.1:{port}"


# What follows runs in a process of its own.


def server(url: str) -> Server:
    return Server(urls=[url], shown=url)


def batches(count: int) -> Iterator[list[Message]]:
    for rows in trades(count).iter_slices(ROWS_AT_ONCE):
        yield messages_of(rows)


def ours(url: str, count: int, _: Path) -> Callable[[], object]:
    broker = NatsBroker(server(url), STREAM)
    return lambda: [broker.publish(one) for one in batches(count)]


def one_by_one(url: str, count: int, _: Path) -> Callable[[], object]:
    """Publish as the reference does: the next message when the one before is acknowledged."""

    async def work() -> None:
        import nats as client

        found = await client.connect(url)
        await found.jsm().add_stream(name="trades", subjects=["trades.>"])
        stream = found.jetstream()
        for messages in batches(count):
            for one in messages:
                headers = {"Nats-Msg-Id": one.id}
                await stream.publish(one.subject("trades"), one.payload, headers=headers)
        await found.close()

    return lambda: asyncio.run(work())


def plain(url: str, count: int, _: Path) -> Callable[[], object]:
    """Publish without ids and without acknowledgements: what is lost is not known."""

    async def work() -> None:
        import nats as client

        found = await client.connect(url)
        await found.jsm().add_stream(name="trades", subjects=["trades.>"])
        for messages in batches(count):
            for one in messages:
                await found.publish(one.subject("trades"), one.payload)
        await found.flush(60)
        await found.close()

    return lambda: asyncio.run(work())


def redis(url: str, count: int, _: Path) -> Callable[[], object]:
    """Append to Redis streams, pipelined; a trade's id as the stream's rejects repeats."""
    import redis as client  # type: ignore[import-not-found]

    found = client.Redis.from_url(url)

    def work() -> None:
        number = 0
        for messages in batches(count):
            for start in range(0, len(messages), 1_000):
                pipe = found.pipeline(transaction=False)
                for one in messages[start : start + 1_000]:
                    number += 1
                    pipe.xadd(
                        f"trades:{one.venue}:{one.token}", {"t": one.payload}, id=f"{number}-0"
                    )
                pipe.execute()

    return work


def into_duckdb(url: str, _: int, root: Path) -> Callable[[], object]:
    lake, sink = Lake(root), TradeStream(root / "warehouse" / "stream.duckdb")
    return lambda: consume(
        lake.layout,
        "trades",
        lambda: NatsSubscription(server(url), STREAM, "duckdb", 10_000),
        sink,
        Batch(10_000, 1.0),
        ended=threading.Event(),
        until_empty=True,
    )


def into_nothing(url: str, _: int, __: Path) -> Callable[[], object]:
    """Pull and acknowledge, and write nothing: how fast the broker gives."""
    door = NatsSubscription(server(url), STREAM, "duckdb", 10_000)

    def work() -> None:
        while got := door.pull(10_000, 1.0):
            door.ack(got)

    return work


WAYS = {one.__name__: one for one in (ours, one_by_one, plain, redis, into_duckdb, into_nothing)}


def child(name: str, url: str, count: int, root: Path) -> None:
    work = WAYS[name](url, count, root)
    begun = time.monotonic()
    work()
    print(json.dumps({"seconds": time.monotonic() - begun}), flush=True)
    # Threads of clients do not keep it.
    os._exit(0)


def run(name: str, url: str, count: int, root: Path) -> float:
    words = [sys.executable, "-m", "bench.broker", "--child", name, url, str(count), str(root)]
    done = subprocess.run(words, cwd=PROJECT, stdout=subprocess.PIPE, check=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def turn(count: int, slow: int, scratch: Path) -> dict[str, float]:
    """Measure every way once, in messages a second."""
    found: dict[str, float] = {}
    for name, number in (("ours", count), ("one_by_one", slow), ("plain", count)):
        store = scratch / name
        with nats(store) as url:
            found[name] = number / run(name, url, number, scratch)
            if name == "ours":
                # The last empty pull is a second of waiting.
                seconds = run("into_duckdb", url, count, scratch / "lake") - 1.0
                found["into_duckdb"] = count / seconds
        shutil.rmtree(store)
    with nats(scratch / "again") as url:
        run("ours", url, count, scratch)
        found["into_nothing"] = count / (run("into_nothing", url, count, scratch) - 1.0)
    shutil.rmtree(scratch / "again")
    shutil.rmtree(scratch / "lake")
    if shutil.which("redis-server") and _has_redis():
        port = free_port()
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(port)]
        words += ["--appendonly", "yes", "--dir", str(scratch)]
        with serving(words, port):
            found["redis"] = count / run("redis", f"redis://127.0.0.1:{port}", count, scratch)
    return found


def _has_redis() -> bool:
    with contextlib.suppress(ImportError):
        import redis as _client  # noqa: F401

        return True
    return False


def latency(seals: int, a_second: int, scratch: Path) -> list[float]:
    """Seal a segment a second, and say how long each took to be counted whole in SQL."""
    lake = Lake(scratch / "latency")
    late: list[float] = []
    with nats(scratch / "latency-nats") as url:
        environment = {
            **os.environ,
            "CRYPTO_ASSETS_NATS_URL": url,
            "CRYPTO_ASSETS_LAKE": str(lake.layout.root),
            "PYTHONPATH": str(PROJECT),
        }
        words = [sys.executable, "-m", "crypto_assets.cli"]
        with contextlib.ExitStack() as up:
            for name in ("publish", "consume"):
                process = subprocess.Popen(
                    [*words, name],
                    env=environment,
                    cwd=scratch,
                    stdout=subprocess.DEVNULL,
                    text=True,
                )
                up.callback(end, process)
            for number in range(seals + 1):
                _seal(lake, number, a_second)
                sealed, wanted = time.monotonic(), (number + 1) * a_second
                while query(lake, "SELECT count(*) FROM trade_stream").item() < wanted:
                    time.sleep(0.05)
                if number:
                    # The first one waits for both processes to start.
                    late.append(time.monotonic() - sealed)
                time.sleep(max(0.0, sealed + 1 - time.monotonic()))
    return late


def _seal(lake: Lake, number: int, count: int) -> None:
    directory = segments.directory(lake.layout, "binance", "one")
    directory.mkdir(parents=True, exist_ok=True)
    name = segments.segment_name((DAY.start_us + number * 1_000_000) * 1_000, number + 1)
    found = []
    for trade_id in range(number * count + 1, (number + 1) * count + 1):
        at_us = DAY.start_us + trade_id * 100
        data = {"e": "trade", "E": at_us, "s": "BTCUSDT", "t": trade_id, "p": "61700.01000000"}
        data |= {"q": "0.00100000", "T": at_us, "m": True, "M": True}
        frame = json.dumps({"stream": "btcusdt@trade", "data": data}, separators=(",", ":"))
        found.append(line(at_us * 1_000, frame.encode()))
    writer = SegmentWriter(directory, name, b"")
    writer.write(b"".join(found))
    writer.seal()


def by_ranges(data: Path, _: Path) -> Callable[[], int]:
    """Append a batch to the table that knows its ids by ranges."""
    rows = _last(data)
    return lambda: TradeStream(data / "by_ranges.duckdb").append(rows)


def by_key(data: Path, _: Path) -> Callable[[], int]:
    """Append a batch to a table with a primary key, what is there already left out."""
    rows = _last(data)

    def append() -> int:
        with duckdb.connect(data / "by_key.duckdb") as connection:
            connection.register("_new", rows)
            connection.execute("INSERT OR IGNORE INTO trade_stream SELECT * FROM _new")
        return rows.height

    return append


def fill_ranges(data: Path, _: Path) -> Callable[[], int]:
    whole = trades(int((data / "rows").read_text()))
    return lambda: TradeStream(data / "by_ranges.duckdb").append(whole)


def fill_key(data: Path, _: Path) -> Callable[[], int]:
    whole = trades(int((data / "rows").read_text()))

    def fill() -> int:
        with duckdb.connect(data / "by_key.duckdb") as connection:
            connection.execute("CREATE TABLE trade_stream AS SELECT * FROM whole LIMIT 0")
            connection.execute("ALTER TABLE trade_stream ADD PRIMARY KEY (venue, symbol, trade_id)")
            connection.execute("INSERT INTO trade_stream SELECT * FROM whole")
        return whole.height

    return fill


def _last(data: Path) -> pl.DataFrame:
    """Give the rows behind those that are stored."""
    count = int((data / "rows").read_text())
    return trades(10_000, count + 1)


def kept(count: int, scratch: Path) -> Table:
    """Fill both tables, and append one batch to each in a process of its own."""
    (scratch / "rows").write_text(str(count))
    found = Table(
        f"One batch of 10,000 rows appended to {count:,}",
        ("", "s", "peak MB", "file MB"),
    )
    # In processes of their own: one starts out with the peak of memory of whoever started it.
    for name in ("fill_ranges", "fill_key"):
        measured(Contender(name, f"bench.broker:{name}"), scratch)
    for name, says in (("by_ranges", "ranges of ids (ours)"), ("by_key", "a primary key")):
        one = measured(Contender(name, f"bench.broker:{name}"), scratch)
        size = (scratch / f"{name}.duckdb").stat().st_size / 1e6
        found.rows.append((says, f"{one.seconds:.2f}", f"{one.peak_mb:,.0f}", f"{size:,.0f}"))
    return found


SAYS = {
    "ours": "publish: an id each, pipelined, every one acknowledged (ours)",
    "one_by_one": "publish: an id each, the next when the last is acknowledged",
    "plain": "publish: no id, no acknowledgement",
    "redis": "publish: Redis streams, pipelined, append-only file",
    "into_duckdb": "consume: into DuckDB, each once, acknowledged when synced (ours)",
    "into_nothing": "consume: pulled and acknowledged, written nowhere",
}


def tables(
    turns: list[dict[str, float]], late: list[float], asked: argparse.Namespace
) -> list[Table]:
    rates = Table(
        f"Messages a second, {asked.messages:,} trades ({asked.slow:,} one by one), "
        f"medians of {asked.times} turns",
        ("", "messages/s", "least", "most"),
    )
    for name, says in SAYS.items():
        found = [one[name] for one in turns if name in one]
        if not found:
            rates.notes.append(f"{says}: skipped, redis-server or its client is not there")
            continue
        cells = (statistics.median(found), min(found), max(found))
        rates.rows.append((says, *(f"{value:,.0f}" for value in cells)))
    waits = Table(
        f"Seconds from a segment's seal to its last trade in SQL, {len(late)} segments of "
        f"{asked.per_second:,} trades, one a second",
        ("", "p50", "p90", "max"),
    )
    p50, p90, most = np.percentile(late, (50, 90, 100))
    waits.rows.append(
        ("publish and consume, default settings", f"{p50:.2f}", f"{p90:.2f}", f"{most:.2f}")
    )
    return [rates, waits]


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        name, url, count, root = sys.argv[2:]
        child(name, url, int(count), Path(root))
    parser = argparse.ArgumentParser(prog="python -m bench.broker", description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--slow", type=int, default=20_000, help="of those one by one")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seals", type=int, default=20)
    parser.add_argument("--per-second", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the table appended to")
    asked = parser.parse_args()
    if shutil.which("nats-server") is None:
        sys.exit("nats-server is not there: apt-get install nats-server")
    console = wide()
    heading = f"Broker; at start {machine()}"
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        turns = [turn(asked.messages, asked.slow, Path(scratch)) for _ in range(asked.times)]
        late = latency(asked.seals, asked.per_second, Path(scratch))
        keys = kept(asked.rows, Path(scratch))
    publish("broker", heading, [*tables(turns, late, asked), keys], console)


if __name__ == "__main__":
    main()
