"""The logical hash follows from the values and from nothing else."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.lake.hashing import LogicalHash
from crypto_assets.model.tables import BARS, INDICATORS, TABLES, TRADES, VERDICTS, Table

Frame = Callable[..., pl.DataFrame]
AT = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def digest(frame: pl.DataFrame, table: Table, cuts: Sequence[int] = ()) -> str:
    found = LogicalHash(table)
    edges = [0, *sorted(cuts), frame.height]
    for start, stop in pairwise(edges):
        found.update(frame[start:stop])
    return found.hexdigest()


def bars(count: int = 6) -> pl.DataFrame:
    """Bars of which every other one has no trade."""
    known = [at % 2 == 0 for at in range(count)]
    filled = {
        name: [Decimal(at + 1) if known[at] else None for at in range(count)]
        if dtype.is_decimal()
        else [at if known[at] else None for at in range(count)]
        for name, dtype in BARS.schema.items()
    }
    zeros = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume", "trade_count")
    return pl.DataFrame(
        filled
        | {name: [at if known[at] else 0 for at in range(count)] for name in zeros}
        | {
            "ts_open": [AT + dt.timedelta(seconds=at) for at in range(count)],
            "is_complete": known,
        },
        schema=BARS.schema,
        strict=False,
    )


_KINDS = {
    pl.Int64: "whole",
    pl.Boolean: "flag",
    pl.Datetime: "time(us,UTC)",
    pl.String: "text",
    pl.Float64: "float",
}


def by_the_book(frame: pl.DataFrame, table: Table) -> str:
    """Compute the hash as its description says, value by value."""
    whole = hashlib.sha256()
    columns = table.model.to_schema().columns
    for name in table.hashed:
        if name in table.optional and frame[name].null_count() == frame.height:
            continue
        values, nulls = hashlib.sha256(), hashlib.sha256()
        dtype = table.schema[name]
        for value in frame[name].to_list():
            nulls.update(bytes([value is None]))
            if dtype.is_decimal():
                values.update(
                    int((value or 0) * 10**dtype.scale).to_bytes(16, "little", signed=True)
                )
            elif dtype.is_temporal():
                since = (value - EPOCH) // dt.timedelta(microseconds=1)
                values.update(since.to_bytes(8, "little", signed=True))
            elif dtype == pl.Boolean:
                values.update(bytes([value]))
            elif dtype == pl.String:
                text = (value or "").encode()
                values.update(len(text).to_bytes(8, "little") + text)
            elif dtype.is_float():
                values.update(struct.pack("<d", value or 0.0))
            else:
                values.update((value or 0).to_bytes(8, "little", signed=True))
        is_full = name in table.optional and frame[name].null_count() == 0
        flags = nulls.hexdigest() if columns[name].nullable and not is_full else ""
        kind = (
            f"decimal({dtype.precision},{dtype.scale})"
            if isinstance(dtype, pl.Decimal)
            else _KINDS[type(dtype)]
        )
        whole.update(f"{name}:{kind}:{values.hexdigest()}:{flags}\n".encode())
    return whole.hexdigest()


def test_the_hash_is_the_one_described(trades: Frame) -> None:
    assert digest(trades(range(5)), TRADES) == by_the_book(trades(range(5)), TRADES)
    assert digest(bars(), BARS) == by_the_book(bars(), BARS)
    names = pl.Series("match_id", ["a", None, "b", "", "ab"])
    for named in (names, names.fill_null("c")):
        frame = trades(range(5)).with_columns(named)
        assert digest(frame, TRADES) == by_the_book(frame, TRADES)


def test_floats_are_hashed_to_the_last_bit() -> None:
    floats: list[float | None] = [0.1, None, math.nextafter(0.1, 1)]
    columns: dict[str, list[object]] = {
        name: [*floats] if dtype.is_float() else [1, None, 2]
        for name, dtype in INDICATORS.schema.items()
    }
    named = columns | {"interval": ["1m", "1m", "5m"], "ts_open": [AT, AT, AT]}
    frame = pl.DataFrame(named, schema=INDICATORS.schema)
    assert digest(frame, INDICATORS) == by_the_book(frame, INDICATORS)
    other = frame.with_columns(rv_1s=pl.lit(0.1))
    assert digest(other, INDICATORS) != digest(frame, INDICATORS)


def test_a_hash_outlives_the_libraries_that_made_it(trades: Frame) -> None:
    assert digest(trades(range(5)), TRADES) == (
        "8472ddf3d11cda2dc8a7f228cd6067c16e62839cb0245b9b59e369ff2d522703"
    )


@given(st.lists(st.integers(0, 20), max_size=6))
def test_where_frames_are_cut_makes_no_difference(cuts: list[int]) -> None:
    frame = bars(20)
    assert digest(frame, BARS, cuts) == digest(frame, BARS)
    chunked = pl.concat([frame[:7], frame[7:9], frame[9:]], rechunk=False)
    assert digest(chunked, BARS) == digest(frame, BARS)


def test_text_is_not_joined_across_rows_or_cuts() -> None:
    values = {name: ["ab", "c"] for name in VERDICTS.schema}
    frame = pl.DataFrame(values | {"passed": [True, False]}, schema=VERDICTS.schema)
    shifted = frame.with_columns(message=pl.Series(["a", "bc"]))
    assert digest(frame, VERDICTS, [1]) == digest(frame, VERDICTS)
    assert digest(frame, VERDICTS) != digest(shifted, VERDICTS)


@pytest.mark.parametrize("under", [0, 1, -1, 2**62])
def test_what_lies_under_a_null_makes_no_difference(under: int) -> None:
    validity = pa.py_buffer(bytes([0b010101]))
    values = pa.py_buffer(
        b"".join(
            (at if at % 2 == 0 else under).to_bytes(8, "little", signed=True) for at in range(6)
        ),
    )
    padded = pl.from_arrow(pa.Array.from_buffers(pa.int64(), 6, [validity, values]))
    assert isinstance(padded, pl.Series)
    frame = bars().with_columns(padded.alias("first_trade_id"))
    assert frame.equals(bars())
    assert digest(frame, BARS) == digest(bars(), BARS)


def test_a_null_is_not_a_zero() -> None:
    zeros = bars().with_columns(pl.col("open", "first_trade_id").fill_null(0))
    assert digest(zeros, BARS) != digest(bars(), BARS)


@pytest.mark.parametrize("column", TRADES.hashed)
def test_every_hashed_column_counts(column: str, trades: Frame) -> None:
    frame = trades(range(5))
    value = pl.col(column)
    changes: dict[str, pl.Expr] = {
        "is_buyer_maker": ~value,
        "match_id": pl.lit("a").alias(column),
        "ts_event": value + pl.duration(microseconds=1),
        "trade_id": value + 1,
    }
    changed = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 3)
        .then(changes.get(column, value + Decimal("0.00000001")))
        .otherwise(value)
        .cast(TRADES.schema[column])
        .alias(column),
    )
    assert not changed.equals(frame)
    assert digest(changed, TRADES) != digest(frame, TRADES)


def test_the_order_of_rows_counts(trades: Frame) -> None:
    assert digest(trades([1, 2, 3]), TRADES) != digest(trades([1, 3, 2]), TRADES)


def test_values_do_not_move_between_columns(trades: Frame) -> None:
    frame = trades(range(5))
    swapped = frame.with_columns(price=pl.col("quantity"), quantity=pl.col("price")).cast(
        dict(TRADES.schema),
    )
    assert digest(swapped, TRADES) != digest(frame, TRADES)


def test_a_capture_and_the_archive_of_the_same_trades_hash_the_same(trades: Frame) -> None:
    archive = trades(range(5)).with_columns(quoted_value=pl.lit(Decimal(1)).cast(pl.Decimal(28, 8)))
    assert digest(trades(range(5), recv=7), TRADES) == digest(archive, TRADES)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_rows_hash_to_something_of_their_own(table: Table) -> None:
    empty = digest(table.schema.to_frame(), table)
    assert empty == LogicalHash(table).hexdigest()
    assert [other for other in TABLES.values() if LogicalHash(other).hexdigest() == empty] == [
        table
    ]


@given(
    st.lists(st.none() | st.text(max_size=2), max_size=8),
    st.lists(st.integers(0, 8), max_size=3),
)
def test_a_column_that_fills_late_hashes_as_one_known_from_the_start(
    names: list[str | None],
    cuts: list[int],
) -> None:
    count = len(names)
    frame = pl.DataFrame(
        {
            "trade_id": range(count),
            "ts_event": [AT] * count,
            "price": [Decimal(1)] * count,
            "quantity": [Decimal(1)] * count,
            "is_buyer_maker": [True] * count,
            "ts_recv": [None] * count,
            "quoted_value": [None] * count,
            "match_id": names,
        },
        schema=TRADES.schema,
    )
    assert digest(frame, TRADES, [min(cut, count) for cut in cuts]) == by_the_book(frame, TRADES)
