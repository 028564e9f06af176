"""Bybit's frames, archive rows and klines, the real exchange's and damaged ones."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import KLINES, TRADES
from crypto_assets.venues import opaque, venue
from crypto_assets.venues.venue import ArchiveName, Frames, Rows
from crypto_assets_tests.bybit import HEADER, a_day, frame

BYBIT = venue("bybit")
RECORDING = Path(__file__).resolve().parents[1] / "recordings" / "bybit-linear-2026-08-09.jsonl"
RECORDED = RECORDING.read_bytes().splitlines()
WHOLE_MINUTE_MS = 1786310820000
"""The minute that the recording begins before."""
NAME = "a9188a0a-82bc-50de-be60-03eedbe3cdd7"
TRADE = next(line for line in RECORDED if NAME.encode() in line)
ROW = (
    "1784851200.0547,BTCUSDT,Buy,0.038,65065.80,ZeroPlusTick,"
    "d6b9a5ac-3439-5cea-b590-fd245e5b3992,2.4725004e+11,0.038,2472.5004,0"
)


def decode(*lines: bytes, last: bool = True, end: bytes = b"\n") -> Frames:
    return BYBIT.decode_frames(b"".join(line + end for line in lines), 1, last=last)


def rows(*lines: str, header: bool = True) -> Rows:
    text = "\n".join([HEADER, *lines] if header else lines) + "\n"
    return BYBIT.decode_trades(text.encode(), 1)


def message(**fields: object) -> bytes:
    return b"1786310819965676 " + json.dumps(fields).encode()


def changed(**fields: object) -> bytes:
    """The recorded trade with other fields; None takes one away."""
    found = json.loads(TRADE.partition(b" ")[2])
    trade = found["data"][0] | fields
    found["data"] = [{name: value for name, value in trade.items() if value is not None}]
    return message(**found)


def test_a_trade_is_decoded_field_by_field() -> None:
    frames = decode(TRADE)
    assert frames.trades.schema == {"symbol": pl.String(), **TRADES.schema}
    assert frames.trades.row(0, named=True) == {
        "symbol": "BTCUSDT",
        "trade_id": (1786310819680 << 22) | 0xA9188A >> 2,
        "ts_event": dt.datetime(2026, 8, 9, 21, 26, 59, 680000, dt.UTC),
        "price": Decimal("65114.20000000"),
        "quantity": Decimal("0.00400000"),
        "is_buyer_maker": True,
        "ts_recv": dt.datetime(2026, 8, 9, 21, 26, 59, 965676, dt.UTC),
        "quoted_value": None,
        "match_id": NAME,
    }
    assert frames.units == {"ms"}
    assert frames.clock.row(0) == (1786310819965676, 1786310819681000)


def test_every_recorded_line_is_taken_or_counted() -> None:
    frames = decode(*RECORDED)
    assert frames.dead == ()
    kinds = Counter(
        (json.loads(line.partition(b" ")[2]).get("topic") or "ack").partition(".")[0]
        for line in RECORDED
    )
    assert frames.ignored == {kind: n for kind, n in kinds.items() if kind != "publicTrade"}
    names = frames.trades["match_id"]
    assert names.n_unique() == len(names) == 79
    assert frames.trades["trade_id"].sort().to_list() == sorted(frames.trades["trade_id"])


def test_the_exchanges_running_klines_add_up_to_its_trades() -> None:
    """Volume and turnover of each recorded kline are exactly the sums of the trades before it."""
    trades = decode(*RECORDED).trades.with_columns(ms=pl.col("ts_event").dt.epoch("ms"))
    said = [json.loads(line.partition(b" ")[2]) for line in RECORDED]
    klines = [
        (one["topic"].split(".")[-1], kline)
        for one in said
        if one.get("topic", "").startswith("kline")
        for kline in one["data"]
        if kline["start"] == WHOLE_MINUTE_MS
    ]
    compared = 0
    for symbol, kline in klines:
        until = kline["timestamp"]
        mine = trades.filter(
            pl.col("symbol") == symbol,
            pl.col("ms").is_between(WHOLE_MINUTE_MS, until),
        )
        # What was matched just before may not have been added up yet.
        if until - (mine["ms"].max() or 0) > 100:  # type: ignore[operator]
            volume = sum(mine["quantity"].to_list(), Decimal(0))
            values = (p * q for p, q in mine.select("price", "quantity").iter_rows())
            turnover = sum(values, Decimal(0))
            assert (Decimal(kline["volume"]), Decimal(kline["turnover"])) == (volume, turnover)
            compared += 1
    assert compared == 29


def test_a_venue_without_numbers_says_so() -> None:
    assert BYBIT.numbering is Numbering.OPAQUE
    assert BYBIT.klines_open_at_last_close
    assert BYBIT.subject("publicTrade.BTCUSDT") == ("BTCUSDT", "trades")
    assert BYBIT.subject("orderbook.50.BTCUSDT") is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"p": None}, "trade without p"),
        ({"p": "0"}, "price is zero"),
        ({"p": "-1"}, "price is not a decimal"),
        ({"p": "1.123456789"}, "price with more than 8 decimals"),
        ({"v": "1e3"}, "quantity is not a decimal"),
        ({"v": 1}, "Expected `str`"),
        ({"S": "None"}, "Invalid enum value"),
        ({"i": "12792325"}, "trade id is not a UUID"),
        ({"i": NAME.upper()}, "trade id is not a UUID"),
        ({"s": "ETHUSDT"}, "topic of BTCUSDT carries symbol 'ETHUSDT'"),
        ({"T": 1786310819}, "trade with time T"),
        ({"T": 2**41}, "trade with time T"),
        ({"T": "1786310819680"}, "Expected `int`"),
    ],
)
def test_a_malformed_trade_is_kept_apart_with_its_reason(
    fields: dict[str, object],
    reason: str,
) -> None:
    line = changed(**fields)
    (letter,) = decode(line).dead
    assert reason in letter.reason
    assert (letter.data, letter.symbol, letter.lost) == (line, "BTCUSDT", True)


def test_a_frame_is_taken_whole_or_not_at_all() -> None:
    trades = a_day(3)
    good, bad = frame(trades), frame(trades)
    bad["data"][1]["p"] = "0"  # type: ignore[index]
    frames = decode(message(**good), message(**bad))
    assert frames.trades["match_id"].to_list() == [one.name for one in trades]
    assert [(letter.line, letter.reason) for letter in frames.dead] == [(2, "price is zero")]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (message(success=True, ret_msg="", op="subscribe"), "ack"),
        (message(success=True, ret_msg="pong", conn_id="x", op="ping"), "pong"),
        (message(op="pong", args=["1"]), "pong"),
        (message(topic="orderbook.50.BTCUSDT", ts=1786310819681, data={}), "orderbook"),
        (message(topic="kline.1.BTCUSDT", ts=1786310819681, data=[]), "kline"),
        (message(collector="segment", shards=[]), "collector"),
    ],
)
def test_a_known_message_is_counted_and_not_taken(line: bytes, kind: str) -> None:
    frames = decode(line)
    assert (frames.ignored, frames.dead) == ({kind: 1}, ())
    assert len(frames.notes) == (kind == "collector")


def test_a_refused_subscription_is_told_and_no_lost_trade() -> None:
    (letter,) = decode(message(success=False, ret_msg="topic not found", op="subscribe")).dead
    assert (letter.reason, letter.lost) == ("subscribe was refused: 'topic not found'", False)


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (b"no time at all", True),
        (b"1786310819965676 {", True),
        (message(topic="publicTrade.BTCUSDT"), True),
        (message(topic="publicTrade.BTCUSDT", data=[]), True),
        (message(topic="publicTrade.btc-usdt", data=[]), True),
        (message(topic=["publicTrade.BTCUSDT"]), True),
        (message(data=[]), True),
        (message(topic="news.BTCUSDT"), False),
        (message(hello=1), False),
        (b"1786310819965676 [1]", False),
    ],
)
def test_what_may_have_been_a_trade_counts_as_lost(line: bytes, lost: bool) -> None:  # noqa: FBT001
    (letter,) = decode(line).dead
    assert (letter.data, letter.lost) == (line, lost)


def test_a_torn_last_line_is_kept_apart() -> None:
    frames = decode(TRADE, TRADE[:90], end=b"\n")
    assert frames.dead[0].reason == "not JSON"
    torn = BYBIT.decode_frames(TRADE + b"\n" + TRADE[:90], 1, last=True)
    assert [letter.reason for letter in torn.dead] == ["torn last line"]
    assert BYBIT.decode_frames(TRADE, 1, last=True).trades.height == 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_never_raises_and_nothing_vanishes(data: st.DataObject) -> None:
    lines = [bytearray(line) for line in RECORDED[:30]]
    for _ in range(data.draw(st.integers(1, 8))):
        line = data.draw(st.sampled_from(lines))
        at = data.draw(st.integers(0, len(line)))
        what = data.draw(st.binary(max_size=3).filter(lambda found: b"\n" not in found))
        line[at : at + data.draw(st.integers(0, 3))] = what
    text = b"".join(bytes(line) + b"\n" for line in lines)
    frames = BYBIT.decode_frames(text, 1, last=True)
    taken = frames.trades["ts_recv"].len()
    refused = {letter.line for letter in frames.dead}
    told = sum(frames.ignored.values()) + len(refused)
    blank = sum(not line or bytes(line).isspace() for line in lines)
    frames_of_trades = len(lines) - blank - told
    assert 0 <= frames_of_trades <= taken or (frames_of_trades, taken) == (0, 0)
    assert len(refused) == len(frames.dead)
    for letter in frames.dead:
        assert letter.data == bytes(lines[letter.line - 1])


def test_an_archive_row_is_decoded_field_by_field() -> None:
    found = rows(ROW)
    assert found.frame.schema == TRADES.schema
    assert found.frame.row(0, named=True) == {
        "trade_id": (1784851200054 << 22) | 0xD6B9A5 >> 2,
        "ts_event": dt.datetime(2026, 7, 24, 0, 0, 0, 54700, dt.UTC),
        "price": Decimal("65065.80000000"),
        "quantity": Decimal("0.03800000"),
        "is_buyer_maker": False,
        "ts_recv": None,
        "quoted_value": None,
        "match_id": "d6b9a5ac-3439-5cea-b590-fd245e5b3992",
    }
    assert found.dead == ()


@pytest.mark.parametrize(
    ("old", "new", "price", "quantity", "us"),
    [
        ("1784851200.0547", "1784851200", "65065.8", "0.038", 0),
        ("1784851200.0547", "1784851200.1", "65065.8", "0.038", 100_000),
        (",0.038,65", ",2,65", "65065.8", "2", 54_700),
        (",0.038,65", ",1.5e+06,65", "65065.8", "1500000", 54_700),
        ("65065.80", "1.347e-05", "0.00001347", "0.038", 54_700),
        ("2472.5004,0", "2472.5004", "65065.8", "0.038", 54_700),
        ("2472.5004,0", "2472.5004,0\r", "65065.8", "0.038", 54_700),
    ],
)
def test_numbers_of_any_length_are_exact(
    old: str,
    new: str,
    price: str,
    quantity: str,
    us: int,
) -> None:
    found = rows(ROW.replace(old, new))
    assert found.dead == ()
    row = found.frame.row(0, named=True)
    assert (row["price"], row["quantity"]) == (Decimal(price), Decimal(quantity))
    assert row["ts_event"].microsecond == us


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1784851200.0547", "1784851200054", "timestamp is not in seconds"),
        ("1784851200.0547", "2199023255.552", "timestamp after 2039"),
        ("Buy", "None", "side is not Buy or Sell"),
        (",0.038,65", ",0,65", "size is zero"),
        ("65065.80", "-1", "price is not a decimal"),
        ("65065.80", "1.123456789", "price with more than 8 decimals"),
        ("d6b9a5ac", "D6B9A5AC", "trdMatchID is not a UUID"),
        (",ZeroPlusTick", "", "row of 10 fields"),
        (",2472.5004,0", "", "row of 9 fields, expected 10 or 11"),
    ],
)
def test_a_malformed_row_is_kept_apart_with_its_reason(old: str, new: str, reason: str) -> None:
    line = ROW.replace(old, new)
    found = rows(ROW, line)
    assert found.frame.height == 1
    if reason != "row of 10 fields":
        assert [letter.line for letter in found.dead] == [3]
        assert reason in found.dead[0].reason
    assert found.dead[0].data == line.encode()


def test_rows_stay_in_the_order_of_the_file_and_bytes_that_are_no_text_cost_one() -> None:
    odd = ROW.replace(",0.038,65", ",1e+00,65")
    text = f"{HEADER}\n{odd}\n{ROW}\n".encode() + b"\xff\xfe,x\n\n" + ROW.encode()
    found = BYBIT.decode_trades(text, 1)
    assert found.frame["quantity"].to_list() == [Decimal(1), Decimal("0.038"), Decimal("0.038")]
    assert [(letter.line, letter.reason) for letter in found.dead] == [(4, "row is not UTF-8")]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_dead_letters(data: bytes) -> None:
    found = BYBIT.decode_trades(data, 1)
    blank = sum(not line.strip() for line in data.split(b"\n"))
    assert found.frame.height + len(found.dead) + blank >= len(data.split(b"\n")) - 1
    BYBIT.decode_klines(data, 1, "1m")


def test_both_doors_give_a_trade_the_same_id() -> None:
    trades = a_day(40)
    stream = decode(message(**frame(trades))).trades
    text = [
        f"{one.us // 10**6}.{one.us % 10**6 // 100:04},BTCUSDT,Buy,1,1,,{one.name},1,1,1"
        for one in trades
    ]
    archive = rows(*text).frame
    assert stream["trade_id"].to_list() == archive["trade_id"].to_list()
    assert [id_ >> 22 for id_ in archive["trade_id"]] == [one.us // 1_000 for one in trades]
    assert opaque.LAST_MS << 22 < 2**63


KLINES_LIST = [
    ["1670608860000", "17055.5", "17073", "17027", "17071", "0", "0"],
    ["1670608800000", "17071", "17073", "17027", "17055.5", "268611", "15.74462667"],
]


def answer(rows: object = KLINES_LIST, code: int = 0, category: str = "linear") -> bytes:
    result = {"category": category, "symbol": "BTCUSDT", "list": rows}
    return json.dumps({"retCode": code, "retMsg": "OK", "result": result}).encode()


def test_klines_are_decoded_and_lack_what_is_not_published() -> None:
    found = BYBIT.decode_klines(answer(), 1, "1m")
    assert found.frame.schema == KLINES.schema
    assert found.frame.row(1, named=True) == {
        "interval": "1m",
        "ts_open": dt.datetime(2022, 12, 9, 18, 0, tzinfo=dt.UTC),
        "open": Decimal(17071),
        "high": Decimal(17073),
        "low": Decimal(17027),
        "close": Decimal("17055.5"),
        "volume": Decimal(268611),
        "quote_volume": Decimal("15.74462667"),
        "trade_count": None,
        "taker_buy_volume": None,
        "taker_buy_quote_volume": None,
    }
    assert found.dead == ()


def test_answers_come_one_a_line_or_one_over_several() -> None:
    several = BYBIT.decode_klines(answer() + b"\n" + answer() + b"\n", 1, "1m")
    assert several.frame.height == 4
    indented = json.dumps(json.loads(answer()), indent=2).encode()
    assert BYBIT.decode_klines(indented, 1, "1m").frame.height == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (answer(code=10001), "answer 10001"),
        (answer(category="spot"), "of category 'spot'"),
        (b"[]", "no answer with klines"),
        (answer([["1"]]), "kline of 1 fields"),
        (answer([["soon", *KLINES_LIST[0][1:]]]), "kline's start is not a time"),
        (answer([[*KLINES_LIST[0][:6], "-1"]]), "turnover is not a decimal"),
    ],
)
def test_what_is_no_kline_is_kept_apart(data: bytes, reason: str) -> None:
    found = BYBIT.decode_klines(data, 1, "1m")
    assert found.frame.is_empty()
    (letter,) = found.dead
    assert reason in letter.reason


@pytest.mark.parametrize(
    ("filename", "found"),
    [
        ("BTCUSDT2024-01-01.csv.gz", ArchiveName("BTCUSDT", "trades", None, "2024-01-01")),
        ("1000PEPEUSDT2024-01-01.csv", ArchiveName("1000PEPEUSDT", "trades", None, "2024-01-01")),
        ("BTCUSDT-1m-2024-01-01.json", ArchiveName("BTCUSDT", "klines", "1m", "2024-01-01")),
        ("BTCUSDT2024-13-01.csv.gz", None),
        ("BTCUSDT-trades-2024-01-01.csv", None),
        ("BTCUSDT-1m-2024-01-01.csv", None),
        ("BTC-26DEC252024-01-01.csv.gz", None),
        ("recorded.jsonl", None),
    ],
)
def test_a_file_is_known_by_its_name(filename: str, found: ArchiveName | None) -> None:
    assert BYBIT.archive_name(filename) == found


def test_the_recording_is_of_the_wire_as_it_is() -> None:
    assert all(msgspec.json.decode(line.partition(b" ")[2]) for line in RECORDED)
