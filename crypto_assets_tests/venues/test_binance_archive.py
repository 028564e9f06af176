"""Decoding archive rows: exact, by the true line, and never more lost than the bad row."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crypto_assets.model.tables import AGG_TRADES, KLINES, TRADES
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveName, Rows

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
BINANCE = venue("binance")
TRADE_ROWS = (RECORDINGS / "NEXOUSDT-trades-2024-07-24.csv").read_bytes().splitlines()
HEADER = b"id,price,qty,quoteQty,time,isBuyerMaker,isBestMatch"
ROW = b"12796828,1.22200000,8.28000000,10.11816000,1721779217795,True,True"


def decode(*rows: bytes, first_line: int = 1) -> Rows:
    return BINANCE.decode_trades(b"".join(row + b"\n" for row in rows), first_line)


def test_a_trade_is_decoded_field_by_field() -> None:
    rows = decode(ROW)
    assert rows.frame.schema == TRADES.schema
    assert rows.frame.row(0) == (
        12796828,
        dt.datetime(2024, 7, 24, 0, 0, 17, 795000, dt.UTC),
        Decimal("1.22200000"),
        Decimal("8.28000000"),
        True,
        None,
        None,
        None,
    )
    assert rows.units == {"ms"}


def test_real_rows_are_decoded_without_loss() -> None:
    rows = decode(*TRADE_ROWS)
    assert (rows.frame.height, rows.dead, rows.units) == (200, (), frozenset({"ms"}))
    assert rows.frame["trade_id"].to_list() == list(range(12796828, 12797028))
    assert rows.frame["quoted_value"].null_count() == 200


@pytest.mark.parametrize("header", [HEADER, b"id,price,qty,quote_qty,time,is_buyer_maker"])
def test_a_header_is_skipped_on_the_first_line_only(header: bytes) -> None:
    assert decode(header, ROW).dead == ()
    assert decode(header, ROW).frame.height == 1
    (letter,) = decode(ROW, header).dead
    assert letter.line == 2
    assert [letter.line for letter in decode(header, ROW, first_line=40).dead] == [40]


@pytest.mark.parametrize(
    ("written", "maker"),
    [("True", True), ("true", True), ("1", True), ("False", False), ("false", False), ("0", False)],
)
def test_booleans_are_read_in_every_spelling(written: str, maker: bool) -> None:  # noqa: FBT001
    spelt = ROW.replace(b"True,True", f"{written},{written}".encode())
    rows = decode(spelt, ROW)
    assert rows.frame["is_buyer_maker"].to_list() == [maker, True]
    assert rows.dead == ()


def test_times_are_told_by_their_magnitude_row_by_row() -> None:
    fine = ROW.replace(b"1721779217795", b"1735689600000123")
    rows = decode(ROW, fine)
    assert rows.frame["ts_event"].to_physical().to_list() == [1721779217795000, 1735689600000123]
    assert rows.units == {"ms", "us"}
    assert decode(fine).units == {"us"}


def test_futures_rows_without_the_last_column_are_taken() -> None:
    futures = b"5,42313.9,0.012,507.7668,1704067200123,true"
    whole = b"6,42313,12,507756,1704067200123,false"
    rows = decode(b"id,price,qty,quote_qty,time,is_buyer_maker", futures, whole)
    assert rows.dead == ()
    assert rows.frame["price"].to_list() == [Decimal("42313.9"), Decimal(42313)]
    assert rows.frame["quoted_value"].to_list() == [None, None]
    assert rows.frame["is_buyer_maker"].to_list() == [True, False]


@settings(max_examples=150, deadline=None)
@given(
    price=st.decimals("0.00000001", "9999999999.99999999", places=8),
    quantity=st.decimals("0.00000001", "99999999999999999999.99999999", places=8),
    wrong=st.sampled_from([Decimal(0), Decimal("0.00000001")]),
)
def test_the_quoted_value_is_kept_only_where_it_differs(
    price: Decimal,
    quantity: Decimal,
    wrong: Decimal,
) -> None:
    units = (int(price.scaleb(8)) * int(quantity.scaleb(8)) + 50_000_000) // 10**8
    fits = units < 10**28 - 1
    value = Decimal(f"{units // 10**8}.{units % 10**8:08d}") if fits else Decimal(7)
    quoted = Decimal(f"{value + wrong:f}") if value < 10**15 else value
    wrong = wrong if value < 10**15 else Decimal(0)
    rows = decode(
        b"%d,%s,%s,%s,1721779217795,1,1"
        % (
            1,
            f"{price:f}".encode(),
            f"{quantity:f}".encode(),
            f"{quoted:f}".encode(),
        )
    )
    assert rows.dead == ()
    expected = quoted if wrong or not fits else None
    assert rows.frame["quoted_value"].to_list() == [expected]
    assert rows.frame.select("price", "quantity").row(0) == (price, quantity)


def test_half_a_unit_is_rounded_up() -> None:
    product = (Decimal("0.00000001") * Decimal("0.5")).quantize(Decimal("1e-8"), ROUND_HALF_UP)
    rows = decode(f"1,0.00000001,0.50000000,{product:f},1721779217795,1,1".encode())
    assert rows.frame["quoted_value"].to_list() == [None]
    rows = decode(b"1,0.00000001,0.50000000,0.00000000,1721779217795,1,1")
    assert rows.frame["quoted_value"].to_list() == [Decimal(0)]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"1.22200000", b"1.222000001", "price with more than 8 decimals: '1.222000001'"),
        (b"1.22200000", b"1e3", "price is not a decimal: '1e3'"),
        (b"1.22200000", b"+1.2220000", "price is not a decimal: '+1.2220000'"),
        (b"1.22200000", b" 1.2220000", "price is not a decimal: ' 1.2220000'"),
        (b"1.22200000", b"", "price is not a decimal: ''"),
        (b"1.22200000", b"NaN", "price is not a decimal: 'NaN'"),
        (b"1.22200000", b"-1.2220000", "price is not a decimal: '-1.2220000'"),
        (b"1.22200000", b"0.00000000", "price is zero"),
        (b"1.22200000", b"99999999999.0", "price out of range: '99999999999.0'"),
        (b"12796828", b"-12796828", "id is not a whole number of 64 bits: '-12796828'"),
        (b"12796828", b"9223372036854775808", "id is not a whole number of 64 bits"),
        (b"12796828", b"x", "id is not a whole number of 64 bits: 'x'"),
        (b"1721779217795", b"172177921779", "time is not a time in ms or us: '172177921779'"),
        (b"1721779217795", b"0721779217795", "time is not a time in ms or us"),
        (b"True,True", b"Yes,True", "isBuyerMaker is not a boolean: 'Yes'"),
        (b"True,True", b"True,", "isBestMatch is not a boolean: ''"),
        (b",True,True", b"", "row of 5 fields, expected 6 or 7"),
        (b"True,True", b"True,True,True", "row of 8 fields, expected 6 or 7"),
        (b"12796828", b"\xff", "row is not UTF-8"),
    ],
)
def test_a_malformed_row_is_kept_apart_with_its_reason(
    old: bytes,
    new: bytes,
    reason: str,
) -> None:
    bad = ROW.replace(old, new)
    rows = decode(ROW, bad, ROW, first_line=1000)
    assert rows.frame.height == 2
    (letter,) = rows.dead
    assert letter.reason.startswith(reason)
    assert (letter.line, letter.data, letter.lost) == (1001, bad, True)


def test_carriage_returns_and_blank_lines_are_skipped() -> None:
    rows = decode(HEADER + b"\r", ROW + b"\r", b"\r", b"", ROW + b"\r", b"bad\r")
    assert rows.frame.height == 2
    assert [(letter.line, letter.data) for letter in rows.dead] == [(6, b"bad")]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n", b"1", b",.,.,.,,,\n", b"\x00" * 9])
def test_tiny_and_odd_blocks_are_decoded(data: bytes) -> None:
    rows = BINANCE.decode_trades(data, 2)
    assert rows.frame.height == 0
    assert len(rows.dead) == (1 if data.strip() else 0)


@settings(max_examples=200, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 49), st.integers(0, 200), st.integers(1, 255), st.booleans()),
        min_size=1,
        max_size=5,
    ),
)
def test_damage_stays_in_its_row(changes: list[tuple[int, int, int, bool]]) -> None:
    rows, touched = list(TRADE_ROWS[:50]), set()
    for index, place, value, deletes in changes:
        row = bytearray(rows[index])
        if not row:
            continue
        if deletes:
            del row[place % len(row)]
        else:
            row[place % len(row)] ^= value
        rows[index] = bytes(row.replace(b"\n", b"?"))
        touched.add(index)
    found = decode(*rows, first_line=2)
    filled = sum(1 for row in rows if row and not row.isspace())
    assert found.frame.height + len(found.dead) == filled
    assert {letter.line - 2 for letter in found.dead} <= touched
    kept = decode(*(row for k, row in enumerate(rows) if k not in touched), first_line=2)
    assert set(kept.frame.rows()) <= set(found.frame.rows())
    # A damaged row gives the same alone as among the others: nothing leaks across rows.
    alone = [decode(rows[k], first_line=2).frame for k in sorted(touched)]
    assert_frame_equal(
        pl.concat([kept.frame, *alone]).sort(pl.all()),
        found.frame.sort(pl.all()),
    )


def test_a_row_of_another_shape_keeps_its_place() -> None:
    rows = [b"%d,%s,1.0,1.0,1721779217795,1,1" % (k, b"1" if k % 3 else b"1.0") for k in range(50)]
    assert decode(*rows).frame["trade_id"].to_list() == list(range(50))


@pytest.mark.parametrize(("day", "unit"), [("2024-12-31", "ms"), ("2025-01-01", "us")])
def test_klines_are_decoded_in_both_units(day: str, unit: str) -> None:
    data = (RECORDINGS / f"BTCUSDT-1m-{day}.csv").read_bytes()
    rows = BINANCE.decode_klines(data, 1, "1m")
    assert rows.frame.schema == KLINES.schema
    assert (rows.frame.height, rows.dead, rows.units) == (30, (), frozenset({unit}))
    opens = rows.frame["ts_open"].to_list()
    midnight = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    assert opens == [midnight + dt.timedelta(minutes=k) for k in range(30)]


def test_a_kline_is_decoded_field_by_field() -> None:
    data = (RECORDINGS / "BTCUSDT-1m-2025-01-01.csv").read_bytes().splitlines()[0]
    header = b"open_time,open,high,low,close,volume,close_time,quote_volume,count,x,y,ignore"
    rows = BINANCE.decode_klines(header + b"\n" + data + b"\n" + data[:-30], 1, "1m")
    assert rows.frame.row(0) == (
        "1m",
        dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        Decimal("93576.00000000"),
        Decimal("93610.93000000"),
        Decimal("93537.50000000"),
        Decimal("93610.93000000"),
        Decimal("8.21827000"),
        Decimal("768978.75522470"),
        2631,
        Decimal("3.95157000"),
        Decimal("369757.32652890"),
    )
    assert [(letter.line, letter.data) for letter in rows.dead] == [(3, data[:-30])]


AGGREGATE = b"26129,0.01633102,4.70443515,27781,27783,1498793709153,true,true"
TOMBSTONE = b"26130,0.00000000,0.00000000,-1,-1,1498793709154,false,true"


def aggregates(*rows: bytes, first_line: int = 1) -> Rows:
    return BINANCE.decode_agg_trades(b"".join(row + b"\n" for row in rows), first_line)


def test_an_aggregate_is_decoded_field_by_field() -> None:
    """The row is the example of the exchange's documentation of ``GET /api/v3/aggTrades``."""
    rows = aggregates(AGGREGATE)
    assert rows.frame.schema == AGG_TRADES.schema
    assert rows.frame.row(0) == (
        26129,
        dt.datetime(2017, 6, 30, 3, 35, 9, 153000, dt.UTC),
        Decimal("0.01633102"),
        Decimal("4.70443515"),
        27781,
        27783,
        True,
    )
    assert (rows.dead, rows.units, rows.ignored) == ((), {"ms"}, {})


def test_aggregates_come_with_a_header_or_without_and_in_both_units() -> None:
    header = (
        b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    )
    fine = AGGREGATE.replace(b"1498793709153,true", b"1735689600000123,False")
    futures = AGGREGATE.removesuffix(b",true")
    rows = aggregates(header, AGGREGATE, fine)
    assert (rows.dead, rows.units) == ((), {"ms", "us"})
    times = rows.frame["ts_event"].to_physical().to_list()
    assert times == [1498793709153000, 1735689600000123]
    assert rows.frame["is_buyer_maker"].to_list() == [True, False]
    rows = aggregates(header, futures)
    assert (rows.dead, rows.frame["is_buyer_maker"].to_list()) == ((), [True])


def test_aggregates_taken_back_are_left_out_and_counted() -> None:
    """The exchange marked duplicates on 2022-04-12 instead of removing them."""
    rows = aggregates(AGGREGATE, TOMBSTONE, TOMBSTONE.replace(b".00000000", b""), AGGREGATE)
    assert rows.frame["agg_id"].to_list() == [26129, 26129]
    assert (rows.dead, rows.ignored) == ((), {"tombstone": 2})


@pytest.mark.parametrize(
    "row",
    [
        TOMBSTONE.replace(b"0.00000000,0.00000000", b"0.00000000,1.00000000"),
        TOMBSTONE.replace(b"-1,-1", b"-1,5"),
        TOMBSTONE.replace(b"-1,-1", b"5,5"),
        AGGREGATE.replace(b"27783", b"-27783"),
        ROW,
    ],
)
def test_what_is_half_taken_back_cannot_be_read(row: bytes) -> None:
    rows = aggregates(AGGREGATE, row)
    assert rows.frame.height == 1
    assert [letter.line for letter in rows.dead] == [2]
    assert rows.ignored == {}


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("BTCUSDT-trades-2024-07-24.zip", ("BTCUSDT", "trades", None, "2024-07-24")),
        ("BTCUSDT-aggTrades-2024-07-24.zip", ("BTCUSDT", "agg_trades", None, "2024-07-24")),
        ("BTCUSDT-aggTrades-2024-07.csv", ("BTCUSDT", "agg_trades", None, "2024-07")),
        ("BTCUSDT-trades-2024-07.csv.gz", ("BTCUSDT", "trades", None, "2024-07")),
        ("1000SATSUSDT-1m-2024-07-24.csv", ("1000SATSUSDT", "klines", "1m", "2024-07-24")),
        ("BTCUSDT-1s-2024-07.zip", ("BTCUSDT", "klines", "1s", "2024-07")),
        ("币安人生USDT-trades-2025-10-11.zip", ("币安人生USDT", "trades", None, "2025-10-11")),
    ],
)
def test_an_archive_says_by_its_name_what_it_holds(
    filename: str,
    expected: tuple[str, str, str | None, str],
) -> None:
    found = BINANCE.archive_name(filename)
    assert found == ArchiveName(*expected)
    assert found.is_monthly == bool(re.fullmatch(r"\d{4}-\d{2}", expected[3]))


@pytest.mark.parametrize(
    "filename",
    [
        "BTCUSDT-trades-2024-01-01T1200-1230.parquet",
        "BTCUSDT-trades-2024-13-01.zip",
        "BTCUSDT-trades-2024-02-30.zip",
        "BTCUSDT-7m-2024-01-01.zip",
        "BTCUSDT-aggtrades-2024-01-01.zip",
        "BTCUSDT-aggTrades-rest-1-2.csv",
        "btcusdt-trades-2024-01-01.zip",
        "../BTCUSDT-trades-2024-01-01.zip",
        "BTC/USDT-trades-2024-01-01.zip",
        "BTCUSDT-trades-2024-01-01.zip.CHECKSUM",
        "BTCUSDT-trades-2024-01-01.zip\n",
        "BTCUSDT-trades-٢٠٢٤-01-01.zip",
    ],
)
def test_any_other_name_says_nothing(filename: str) -> None:
    assert BINANCE.archive_name(filename) is None


def test_spot_times_are_microseconds_from_2025_on() -> None:
    assert BINANCE.expected_unit(dt.date(2024, 12, 31)) == "ms"
    assert BINANCE.expected_unit(dt.date(2025, 1, 1)) == "us"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings in ../shared/data")
def test_the_archive_and_the_capture_hold_the_same_trades() -> None:
    spot = SHARED / "binance_spot"
    packed = (spot / "trades" / "NEXOUSDT-trades-2024-07-24.csv.gz").read_bytes()
    archive = BINANCE.decode_trades(gzip.decompress(packed), 1)
    assert (archive.frame.height, archive.dead) == (12_215, ())
    captures = [
        BINANCE.decode_frames(gzip.decompress(name.read_bytes()), 1, last=True).trades
        for name in sorted((spot / "websocket").glob("nexousdt_*.gz"))
    ]
    captured = pl.concat(captures).join(archive.frame.select("trade_id"), on="trade_id")
    said = ["trade_id", "ts_event", "price", "quantity", "is_buyer_maker"]
    assert_frame_equal(captured.select(said), archive.frame.select(said))
