"""Decoding a capture: the fast and the slow way agree, and every line is accounted for once."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crypto_assets.model.tables import QUOTES, TRADES
from crypto_assets.venues import venue
from crypto_assets.venues.binance_wire import (
    Refused,
    TakenQuote,
    TakenTrade,
    read_message,
)
from crypto_assets.venues.values import split_line
from crypto_assets.venues.venue import Frames

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
BINANCE = venue("binance")
RECORDED = (RECORDINGS / "binance-nexousdt-2024-07-23.jsonl").read_bytes().splitlines() + (
    RECORDINGS / "binance-btcusdt-2024-08-09-ns.jsonl"
).read_bytes().splitlines()
TRADE = (
    b'1721750407700000 {"stream":"nexousdt@trade","data":{"e":"trade","E":1721750407656,'
    b'"s":"NEXOUSDT","t":12792325,"p":"1.21300000","q":"15.78000000","T":1721750407655,'
    b'"m":true,"M":true}}'
)
QUOTE = (
    b'1721750407700001 {"stream":"nexousdt@bookTicker","data":{"u":134180603,"s":"NEXOUSDT",'
    b'"b":"1.21400000","B":"63.38000000","a":"1.21600000","A":"62.53000000"}}'
)


def decode(*lines: bytes, last: bool = True, end: bytes = b"\n") -> Frames:
    return BINANCE.decode_frames(b"".join(line + end for line in lines), 1, last=last)


def counted(frames: Frames) -> int:
    ignored = sum(frames.ignored.values())
    return frames.trades.height + frames.quotes.height + len(frames.dead) + ignored


def reordered(line: bytes, order: list[int], extra: dict[str, object]) -> bytes:
    """Write the same message with its keys in another order and more of them."""
    recv, _, text = line.partition(b" ")
    message = json.loads(text)
    payload = list((message["data"] | extra).items())
    places = sorted(range(len(payload)), key=lambda k: order[k % len(order)])
    message["data"] = dict(payload[k] for k in places)
    return recv + b" " + json.dumps(message).encode()


def decoded_singly(lines: Iterable[bytes]) -> tuple[list[object], list[object], int]:
    """Read lines one at a time, the slow way: rows of trades, rows of quotes, lines refused."""
    trades: list[object] = []
    quotes: list[object] = []
    refused = 0
    for line in lines:
        if not line or line.isspace():
            continue
        recv, payload = split_line(line) or (0, b"")
        m = read_message(payload)
        if isinstance(m, TakenTrade):
            matched = (m.trade_id, m.event_us, m.price, m.quantity, m.is_buyer_maker)
            trades.append((m.symbol, *matched, recv))
        elif isinstance(m, TakenQuote):
            book = (m.bid, m.bid_quantity, m.ask, m.ask_quantity)
            quotes.append((m.symbol, m.update_id, recv, *book))
        else:
            refused += isinstance(m, Refused)
    return trades, quotes, refused


def in_units(frames: Frames) -> tuple[list[object], list[object], int]:
    """Give the same of decoded frames."""
    trades = frames.trades.select(
        "symbol",
        "trade_id",
        pl.col("ts_event", "price", "quantity").to_physical(),
        "is_buyer_maker",
        pl.col("ts_recv").to_physical(),
    )
    quotes = frames.quotes.drop("ts_as_of").with_columns(
        pl.col("ts_recv", "bid", "bid_quantity", "ask", "ask_quantity").to_physical(),
    )
    return list(trades.rows()), list(quotes.rows()), len(frames.dead)


def test_a_trade_is_decoded_field_by_field() -> None:
    frames = decode(TRADE)
    assert frames.trades.schema == {"symbol": pl.String(), **TRADES.schema}
    assert frames.trades.row(0, named=True) == {
        "symbol": "NEXOUSDT",
        "trade_id": 12792325,
        "ts_event": dt.datetime(2024, 7, 23, 16, 0, 7, 655000, dt.UTC),
        "price": Decimal("1.21300000"),
        "quantity": Decimal("15.78000000"),
        "is_buyer_maker": True,
        "ts_recv": dt.datetime(2024, 7, 23, 16, 0, 7, 700000, dt.UTC),
        "quoted_value": None,
        "match_id": None,
    }
    assert frames.clock.rows() == [(1721750407700000, 1721750407656000)]
    assert frames.units == {"ms"}


def test_a_quote_is_decoded_field_by_field() -> None:
    frames = decode(QUOTE)
    assert frames.quotes.schema == {"symbol": pl.String(), **QUOTES.schema}
    received = dt.datetime(2024, 7, 23, 16, 0, 7, 700001, dt.UTC)
    assert frames.quotes.row(0) == (
        "NEXOUSDT",
        134180603,
        received,
        received,
        Decimal("1.21400000"),
        Decimal("63.38000000"),
        Decimal("1.21600000"),
        Decimal("62.53000000"),
    )


def test_both_common_messages_take_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_assets.venues.binance_wire.read_message", None)
    lines = [line for line in RECORDED if b"@trade" in line or b"@bookTicker" in line]
    frames = decode(*lines)
    assert frames.trades.height + frames.quotes.height == len(lines) > 200
    assert frames.dead == ()


def test_the_slow_way_gives_the_values_of_the_fast_way() -> None:
    assert in_units(decode(*RECORDED)) == decoded_singly(RECORDED)


@settings(max_examples=40, deadline=None)
@given(
    order=st.lists(st.integers(0, 99), min_size=11, max_size=11),
    extra=st.dictionaries(
        st.sampled_from(["X", "z", "Zeit", "order"]),
        st.one_of(st.integers(), st.text(), st.lists(st.booleans())),
    ),
    picked=st.lists(st.integers(0, len(RECORDED) - 2), min_size=1, max_size=20),
)
def test_key_order_and_new_keys_change_nothing(
    order: list[int],
    extra: dict[str, object],
    picked: list[int],
) -> None:
    changed = list(RECORDED[1:])
    for index in picked:
        if b"@depth" not in changed[index]:
            changed[index] = reordered(changed[index], order, extra)
    found, expected = decode(*changed), decode(*RECORDED[1:])
    assert_frame_equal(found.trades, expected.trades)
    assert_frame_equal(found.quotes, expected.quotes)
    assert_frame_equal(found.clock.sort("ts_recv_us"), expected.clock.sort("ts_recv_us"))
    assert (found.ignored, found.dead) == (expected.ignored, expected.dead)
    assert (found.first_recv_us, found.last_recv_us) == (
        expected.first_recv_us,
        expected.last_recv_us,
    )


mutation = st.tuples(
    st.sampled_from(["flip", "delete", "insert", "duplicate"]),
    st.integers(0, 39),
    st.integers(0, 10_000),
    st.integers(1, 255),
)


@settings(max_examples=250, deadline=None)
@given(
    start=st.integers(0, len(RECORDED) - 40),
    mutations=st.lists(mutation, min_size=1, max_size=6),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    ended=st.booleans(),
)
def test_damage_stays_in_its_line(
    start: int,
    mutations: list[tuple[str, int, int, int]],
    newline: bytes,
    ended: bool,  # noqa: FBT001
) -> None:
    original = RECORDED[start : start + 40]
    lines, touched = list(original), set()
    for kind, index, place, value in mutations:
        line = bytearray(lines[index])
        at = place % len(line) if line else 0
        if kind == "flip" and line:
            line[at] ^= value
        elif kind == "delete" and line:
            del line[at]
        elif kind == "insert":
            line.insert(at, value)
        elif kind == "duplicate":
            line[at:at] = line[at : at + value]
        lines[index] = bytes(line.replace(b"\n", b"?"))
        touched.add(index)
    data = newline.join(lines) + (newline if ended else b"")
    frames = BINANCE.decode_frames(data, 1, last=True)
    assert counted(frames) == sum(1 for line in data.split(b"\n") if line and not line.isspace())
    assert {letter.line - 1 for letter in frames.dead} <= touched
    for letter in frames.dead:
        assert lines[letter.line - 1] == letter.data
    assert in_units(frames) == decoded_singly(data.split(b"\n"))
    whole = decode(*(line for k, line in enumerate(original) if k not in touched))
    for found, expected in ((frames.trades, whole.trades), (frames.quotes, whole.quotes)):
        assert set(expected.rows()) <= set(found.rows())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"p":"1.21300000",', b"", "trade without p"),
        (b'"1.21300000"', b'"1.213000001"', "price with more than 8 decimals: '1.213000001'"),
        (b'"1.21300000"', b'"1e3"', "price is not a decimal: '1e3'"),
        (b'"1.21300000"', b'"+1.2130000"', "price is not a decimal: '+1.2130000'"),
        (b'"1.21300000"', b'" 1.2130000"', "price is not a decimal: ' 1.2130000'"),
        (b'"1.21300000"', b'"1.2130000 "', "price is not a decimal: '1.2130000 '"),
        (b'"1.21300000"', b'""', "price is not a decimal: ''"),
        (b'"1.21300000"', b'"NaN"', "price is not a decimal: 'NaN'"),
        (b'"1.21300000"', b'".21300000"', "price is not a decimal: '.21300000'"),
        (b'"1.21300000"', b'"1.2.300000"', "price is not a decimal: '1.2.300000'"),
        (
            b'"1.21300000"',
            '"\u0661.21300000"'.encode(),
            "price is not a decimal: '\u0661.21300000'",
        ),
        (b'"1.21300000"', b'"0.00000000"', "price is zero"),
        (b'"15.78000000"', b'"0.00000000"', "quantity is zero"),
        (b'"1.21300000"', b'"12345678901.00000000"', "price out of range: '12345678901.00000000'"),
        (b'"t":12792325', b'"t":-12792325', "trade with id -12792325"),
        (b'"t":12792325', b'"t":9223372036854775808', "trade with id 9223372036854775808"),
        (b'"t":12792325', b'"t":012792325', "not JSON"),
        (b'"T":1721750407655', b'"T":172175040765', "trade with time E 1721750407656, T 172175"),
        (b'"m":true', b'"m":1', "trade: Expected `bool`, got `int`"),
        (b'"e":"trade"', b'"e":"trade2"', "trade with event 'trade2'"),
        (b'"s":"NEXOUSDT"', b'"s":"NEXOUSDC"', "stream 'nexousdt@trade' carries symbol 'NEXOUSDC'"),
        (b'"s":"NEXOUSDT"', b'"s":"NEXO/SDT"', "symbol 'NEXO/SDT'"),
    ],
)
def test_a_malformed_trade_is_kept_apart_with_its_reason(
    old: bytes,
    new: bytes,
    reason: str,
) -> None:
    bad = TRADE.replace(old, new)
    assert bad != TRADE
    frames = decode(TRADE, bad, QUOTE)
    assert (frames.trades.height, frames.quotes.height) == (1, 1)
    (letter,) = frames.dead
    assert letter.reason.startswith(reason)
    assert (letter.line, letter.data, letter.lost) == (2, bad, True)
    assert letter.symbol in ("NEXOUSDT", None)


@pytest.mark.parametrize(
    ("text", "price"),
    [("1", "1"), ("1.5", "1.5"), ("9999999999.99999999", "9999999999.99999999"), ("0.1", "0.1")],
)
def test_a_decimal_of_any_length_is_exact(text: str, price: str) -> None:
    frames = decode(TRADE.replace(b'"1.21300000"', f'"{text}"'.encode()))
    assert frames.trades["price"].to_list() == [Decimal(price)]


def test_a_quantity_beyond_64_bits_is_exact() -> None:
    frames = decode(TRADE.replace(b"15.78000000", b"99999999999999999999.99999999"), TRADE)
    assert frames.trades["quantity"].to_list() == [
        Decimal("99999999999999999999.99999999"),
        Decimal("15.78"),
    ]


def test_one_bad_line_costs_only_itself() -> None:
    frames = decode(TRADE, b"garbage", TRADE[:90], QUOTE)
    assert (frames.trades.height, frames.quotes.height) == (1, 1)
    assert [letter.reason for letter in frames.dead] == ["no receive time", "not JSON"]
    assert all(letter.lost for letter in frames.dead)


def test_a_torn_last_line_is_kept_apart() -> None:
    frames = BINANCE.decode_frames(TRADE + b"\n" + QUOTE[:-20], 7, last=True)
    (letter,) = frames.dead
    assert (letter.line, letter.reason, letter.data) == (8, "torn last line", QUOTE[:-20])
    assert letter.lost


def test_a_last_line_that_only_lacks_its_newline_is_taken() -> None:
    frames = BINANCE.decode_frames(TRADE + b"\n" + QUOTE, 1, last=True)
    assert (frames.dead, frames.quotes.height) == ((), 1)


def test_a_line_that_is_not_the_last_is_never_torn() -> None:
    frames = BINANCE.decode_frames(QUOTE[:-20], 1, last=False)
    assert [letter.reason for letter in frames.dead] == ["not JSON"]


def test_an_unknown_stream_is_no_lost_trade() -> None:
    odd = b'1721750407700000 {"stream":"nexousdt@surprise","data":{"e":"surprise"}}'
    frames = decode(odd, odd.replace(b'"stream"', b'"strom"'))
    assert [(letter.reason, letter.symbol, letter.lost) for letter in frames.dead] == [
        ("unknown stream 'nexousdt@surprise'", "NEXOUSDT", False),
        ("message without a stream", None, True),
    ]


def test_a_trade_on_a_stream_of_another_kind_counts_as_lost() -> None:
    frames = decode(TRADE.replace(b"@trade", b"@depth"))
    assert [(letter.reason, letter.lost) for letter in frames.dead] == [
        ("stream 'nexousdt@depth' carries a trade", True),
    ]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b'{"result":null,"id":1}', "ack"),
        (b'{"lastUpdateId": 134180599, "bids": [], "asks": []}', "snapshot"),
        (b'{"stream":"x@depth@100ms","data":{"e":"depthUpdate","E":1721750407656}}', "depth"),
        (b'{"stream":"x@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[]}}', "depth"),
        (b'{"stream":"x@aggTrade","data":{"e":"aggTrade","a":1,"p":"1","q":"2"}}', "aggTrade"),
        (b'{"stream":"x@kline_1m","data":{"e":"kline","k":{}}}', "kline"),
        (b'{"stream":"x@ticker","data":{"e":"24hrTicker"}}', "ticker"),
        (b'{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker"}]}', "miniTicker"),
        (b'{"stream":"x@avgPrice","data":{"e":"avgPrice"}}', "avgPrice"),
        (b'{"e":"serverShutdown","E":1770123456789}', "serverShutdown"),
        (
            b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
            "serverShutdown",
        ),
        (b'{"collector":"lost","connection":3,"why":"connection ended"}', "collector"),
    ],
)
def test_a_known_message_is_counted_and_not_taken(message: bytes, kind: str) -> None:
    frames = decode(b"1721750407700000 " + message)
    assert (frames.ignored, frames.dead, counted(frames)) == ({kind: 1}, (), 1)


def test_a_depth_update_tells_the_clock() -> None:
    message = b'{"stream":"x@depth@100ms","data":{"e":"depthUpdate","E":1721750407656}}'
    frames = decode(b"1721750407700000 " + message)
    assert frames.clock.rows() == [(1721750407700000, 1721750407656000)]


def test_a_trade_outside_a_combined_stream_is_taken() -> None:
    recv, payload = TRADE[:16], TRADE[TRADE.index(b'{"e"') : -1]
    assert_frame_equal(decode(recv + b" " + payload).trades, decode(TRADE).trades)


def test_old_trades_with_order_ids_are_taken() -> None:
    old = TRADE.replace(b',"T":', b',"b":88,"a":50,"T":')
    assert_frame_equal(decode(old).trades, decode(TRADE).trades)


def test_times_are_told_by_their_magnitude() -> None:
    fine = TRADE.replace(b"1721750407656", b"1721750407656001").replace(
        b"1721750407655", b"1721750407655999"
    )
    nanoseconds = TRADE.replace(b"1721750407700000 ", b"1721750407700000999 ")
    frames = decode(fine, nanoseconds)
    assert frames.trades["ts_event"].to_physical().to_list() == [1721750407655999, 1721750407655000]
    assert frames.trades["ts_recv"].to_physical().to_list() == [1721750407700000] * 2
    assert frames.clock["ts_sent_us"].to_list() == [1721750407656001, 1721750407656000]
    assert frames.units == {"ms", "us"}


@pytest.mark.parametrize("stream", ["币安人生usdt", "%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt"])
def test_a_symbol_of_another_script_is_read_plain_or_encoded(stream: str) -> None:
    line = TRADE.replace(b"nexousdt", stream.encode())
    line = line.replace(b"NEXOUSDT", "币安人生USDT".encode())
    frames = decode(line, TRADE)
    assert frames.trades["symbol"].to_list() == ["币安人生USDT", "NEXOUSDT"]
    assert frames.dead == ()


def test_many_symbols_in_one_block_keep_their_own_rows() -> None:
    lines = [
        TRADE.replace(b"nexousdt", b"s%dusdt" % (k % 37)).replace(
            b"NEXOUSDT", b"S%dUSDT" % (k % 37)
        )
        for k in range(500)
    ]
    frames = decode(*lines)
    assert frames.trades["symbol"].to_list() == [f"S{k % 37}USDT" for k in range(500)]


def test_carriage_returns_and_blank_lines_are_skipped() -> None:
    frames = decode(TRADE, b"", QUOTE, b"  ", b"bad", end=b"\r\n")
    assert (frames.trades.height, frames.quotes.height) == (1, 1)
    assert [(letter.line, letter.data) for letter in frames.dead] == [(5, b"bad")]


def test_rows_stay_in_the_order_received() -> None:
    slow = TRADE.replace(b'"e":"trade",', b'"new":1,"e":"trade",')
    lines = [(slow if k % 3 else TRADE).replace(b"12792325", b"%d" % k) for k in range(2, 60)]
    assert decode(*lines).trades["trade_id"].to_list() == list(range(2, 60))


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n", b"x", b'"', b"\x00" * 40, b'"' * 32])
def test_tiny_and_odd_blocks_are_decoded(data: bytes) -> None:
    frames = BINANCE.decode_frames(data, 1, last=True)
    assert frames.trades.height == frames.quotes.height == 0
    assert len(frames.dead) == (1 if data.strip() else 0)
    assert frames.first_recv_us is None


def test_a_block_cut_anywhere_between_lines_decodes_the_same() -> None:
    whole = decode(*RECORDED)
    for cut in range(1, len(RECORDED), 29):
        first, second = decode(*RECORDED[:cut]), decode(*RECORDED[cut:])
        assert_frame_equal(pl.concat([first.trades, second.trades]), whole.trades)
        assert_frame_equal(pl.concat([first.quotes, second.quotes]), whole.quotes)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings in ../shared/data")
def test_a_recorded_day_and_a_half_has_every_trade_once() -> None:
    found = []
    for name in sorted((SHARED / "binance_spot" / "websocket").glob("nexousdt_*.gz")):
        data = gzip.decompress(name.read_bytes())
        frames = BINANCE.decode_frames(data, 1, last=True)
        assert frames.dead == ()
        assert counted(frames) == data.count(b"\n")
        found.append(frames)
    assert found[0].ignored["snapshot"] == 1
    ids = pl.concat([frames.trades for frames in found])["trade_id"]
    assert ids.to_list() == list(range(12792147, 12810964))
    assert len(ids) == 18_817
