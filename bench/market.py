"""A made-up trading day, the same for the same seed, to measure and to load-test with.

It looks like BTCUSDT where it matters to the code: contiguous ids, microsecond times that never run
backwards, heavy-tailed bursts and quiet seconds, a price that walks in ticks of 0.01 and log-normal
quantities on a step of 0.00001. Everything comes in chunks, so memory does not grow with the day.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import PRICE, QUANTITY, QUOTES, TIME, TRADES

CHUNK = 500_000
FIRST_TRADE_ID = 4_000_000_000
FIRST_UPDATE_ID = 60_000_000_000
_SECONDS = 86_400
_FIRST_TICKS = 9_500_000  # 95,000.00

_Ints = npt.NDArray[np.int64]


def _per_second(rng: np.random.Generator, n: int) -> _Ints:
    """Share ``n`` events out over the day's seconds: bursts, and about a tenth of them silent."""
    activity = rng.lognormal(0.0, 1.4, _SECONDS)
    activity *= np.repeat(rng.lognormal(0.0, 0.5, _SECONDS // 600), 600)
    activity[rng.random(_SECONDS) < 0.1] = 0.0
    counts: _Ints = rng.multinomial(n, activity / activity.sum()).astype(np.int64)
    return counts


def _times(rng: np.random.Generator, n: int, start_us: int) -> Iterator[_Ints]:
    """Yield the event times in order, whole seconds at a time, about CHUNK of them a piece."""
    counts = _per_second(rng, n)
    ends = np.cumsum(counts)
    second = 0
    while second < _SECONDS:
        done = ends[second - 1] if second else 0
        until = max(int(np.searchsorted(ends, done + CHUNK)), second + 1)
        seconds = np.repeat(np.arange(second, until), counts[second:until])
        # The matches of one large order share its instant: two in three have the one before's.
        inside = rng.integers(0, 1_000_000, len(seconds))
        follows = (rng.random(len(seconds)) < 0.66) & (np.diff(seconds, prepend=-1) == 0)
        leader = np.maximum.accumulate(np.where(follows, 0, np.arange(len(seconds))))
        times: _Ints = np.sort(start_us + seconds * 1_000_000 + inside[leader])
        if len(times):
            yield times
        second = until


def _decimal(physical: _Ints, unit: int, dtype: pl.DataType) -> pl.Series:
    """Read whole numbers of ``unit`` 1e-8 as exact decimals."""
    return pl.Series(physical * unit).cast(pl.Int128).reinterpret(dtype=dtype)


def _lognormal(rng: np.random.Generator, n: int, median: float) -> _Ints:
    """Draw positive quantities in steps of 0.00001."""
    steps: _Ints = np.maximum(rng.lognormal(np.log(median), 1.8, n), 1.0).astype(np.int64)
    return steps


def _received(rng: np.random.Generator, times: _Ints) -> pl.Series:
    """Arrive 2 to 9 ms later, in the order sent."""
    delayed = times + rng.integers(2_000, 9_000, len(times))
    return pl.Series(np.maximum.accumulate(delayed)).cast(TIME)


def day(
    n: int,
    seed: int,
    partition: Partition,
    first_id: int = FIRST_TRADE_ID,
) -> Iterator[pl.DataFrame]:
    """Yield ``n`` trades of the partition's day in chunks of the Trades schema, in order of id."""
    rng = np.random.default_rng(seed)
    ticks, trade_id = _FIRST_TICKS, first_id
    for times in _times(np.random.default_rng([seed, 1]), n, partition.start_us):
        size = len(times)
        moves = rng.integers(-3, 4, size) * (rng.random(size) < 0.2)
        prices = np.maximum(ticks + np.cumsum(moves), 1)
        maker = np.repeat(rng.random(size // 4 + 1) < 0.5, 4)[:size]
        yield pl.DataFrame(
            {
                "trade_id": np.arange(trade_id, trade_id + size),
                "ts_event": pl.Series(times).cast(TIME),
                "price": _decimal(prices, 1_000_000, PRICE),
                "quantity": _decimal(_lognormal(rng, size, 60.0), 1_000, QUANTITY),
                "is_buyer_maker": maker,
                "ts_recv": _received(rng, times),
                "quoted_value": pl.Series([None]).cast(QUANTITY).new_from_index(0, size),
                "match_id": pl.Series([None]).cast(pl.String).new_from_index(0, size),
            },
            schema=TRADES.schema,
        )
        ticks, trade_id = int(prices[-1]), trade_id + size


def quotes(n: int, seed: int, partition: Partition) -> Iterator[pl.DataFrame]:
    """Yield ``n`` quotes of the partition's day in chunks of the Quotes schema, in order of id."""
    rng = np.random.default_rng([seed, 2])
    ticks, update_id = _FIRST_TICKS, FIRST_UPDATE_ID
    for times in _times(np.random.default_rng([seed, 3]), n, partition.start_us):
        size = len(times)
        moves = rng.integers(-3, 4, size) * (rng.random(size) < 0.2)
        bids = np.maximum(ticks + np.cumsum(moves), 1)
        ids = update_id + np.cumsum(rng.integers(1, 5, size))
        yield pl.DataFrame(
            {
                "update_id": ids,
                "ts_as_of": pl.Series(times).cast(TIME),
                "ts_recv": _received(rng, times),
                "bid": _decimal(bids, 1_000_000, PRICE),
                "bid_quantity": _decimal(_lognormal(rng, size, 90_000.0), 1_000, QUANTITY),
                "ask": _decimal(bids + 1 + rng.integers(0, 2, size), 1_000_000, PRICE),
                "ask_quantity": _decimal(_lognormal(rng, size, 90_000.0), 1_000, QUANTITY),
            },
            schema=QUOTES.schema,
        )
        ticks, update_id = int(bids[-1]), int(ids[-1])


def archive_csv(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Write trades as the exchange's archive does: one header-less CSV in a zip, seven columns.

    ``id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch``; times are microseconds, as in
    the files from 2025-01-01 on.
    """
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{path.stem}.csv", "w", force_zip64=True) as member,
    ):
        for frame in frames:
            member.write(frame.select(_archive_columns()).write_csv(include_header=False).encode())


def _archive_columns() -> list[pl.Expr]:
    product = pl.col("price").reinterpret(dtype=pl.Int128) * pl.col("quantity").reinterpret(
        dtype=pl.Int128
    )
    quoted = ((product + 50_000_000) // 100_000_000).reinterpret(dtype=QUANTITY)
    titled = pl.when("is_buyer_maker").then(pl.lit("True")).otherwise(pl.lit("False"))
    return [
        pl.col("trade_id"),
        pl.col("price"),
        pl.col("quantity"),
        quoted.alias("quote_quantity"),
        pl.col("ts_event").to_physical(),
        titled.alias("is_buyer_maker"),
        pl.lit("True").alias("is_best_match"),
    ]


def capture(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Write trades or quotes as a combined-stream recording, one line a message.

    ``<receive time in nanoseconds> {"stream":"btcusdt@trade","data":{...}}`` with the members in
    the exchange's order and its times in milliseconds, as the stream sends them unless asked for
    more; which of the two streams it is follows from each frame's columns.
    """
    with path.open("wb") as out:
        for frame in frames:
            out.write(lines(frame))


def lines(frame: pl.DataFrame) -> bytes:
    """Write trades or quotes as the lines of a recording, see :func:`capture`."""
    written = _trade_lines() if "trade_id" in frame.columns else _quote_lines()
    return frame.select(written).write_csv(include_header=False, quote_style="never").encode()


def _ns() -> pl.Expr:
    return pl.col("ts_recv").to_physical() * 1_000


def _ms(column: str) -> pl.Expr:
    return pl.col(column).to_physical() // 1_000


def _trade_lines() -> pl.Expr:
    maker = pl.when("is_buyer_maker").then(pl.lit("true")).otherwise(pl.lit("false"))
    return pl.format(
        '{} {{"stream":"btcusdt@trade","data":{{"e":"trade","E":{},"s":"BTCUSDT","t":{},"p":"{}",'
        '"q":"{}","T":{},"m":{},"M":true}}}}',
        _ns(),
        _ms("ts_event"),
        pl.col("trade_id"),
        pl.col("price"),
        pl.col("quantity"),
        _ms("ts_event"),
        maker,
    )


def _quote_lines() -> pl.Expr:
    return pl.format(
        '{} {{"stream":"btcusdt@bookTicker","data":{{"u":{},"s":"BTCUSDT","b":"{}","B":"{}",'
        '"a":"{}","A":"{}"}}}}',
        _ns(),
        pl.col("update_id"),
        pl.col("bid"),
        pl.col("bid_quantity"),
        pl.col("ask"),
        pl.col("ask_quantity"),
    )
