"""Trades through messages are the same to the last decimal; what is no trade is told why."""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.message import STREAM_FRAME, Delivery
from crypto_assets.transforms.messages import messages_of, trades_of
from crypto_assets_tests.streamed import rows

_TIMES = st.integers(0, 4_102_444_800_000_000)
_TRADES = st.fixed_dictionaries(
    {
        "venue": st.sampled_from(["binance", "bybit"]),
        "symbol": st.sampled_from(["BTCUSDT", "币安人生USDT", "1000SATSUSDT"]),
        "trade_id": st.integers(0, 2**63 - 1),
        "ts_event": _TIMES,
        "price": st.decimals("0.00000001", "9999999999.99999999", places=8),
        "quantity": st.decimals("0.00000001", "99999999999999999999", places=8),
        "is_buyer_maker": st.booleans(),
        "ts_recv": st.none() | _TIMES,
        "quoted_value": st.none() | st.decimals("0", "99999999999999999999", places=8),
        "match_id": st.none() | st.from_regex(r"\A[0-9a-f-]{1,36}\Z"),
    },
)


def delivered(found: pl.DataFrame) -> list[Delivery]:
    return [Delivery(one.id, one.payload, None) for one in messages_of(found)]


@given(st.lists(_TRADES, max_size=8))
def test_trades_through_messages_are_the_same(trades: list[dict[str, object]]) -> None:
    found = pl.DataFrame(trades, schema=STREAM_FRAME)
    decoded = trades_of(delivered(found))
    assert decoded.wrong == {}
    assert decoded.rows.equals(found)
    assert decoded.rows.schema == STREAM_FRAME


def test_a_payload_is_json_with_decimals_as_text() -> None:
    (message,) = messages_of(rows([7]))
    assert message.id == "binance/BTCUSDT/7"
    found = json.loads(message.payload)
    assert (found["price"], found["quantity"]) == ("1.07000000", "0.00100000")
    assert isinstance(found["ts_event"], int)


GOOD = json.loads(messages_of(rows([7]))[0].payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"not JSON",
        b"[]",
        json.dumps(GOOD).encode() + b"," + json.dumps(GOOD).encode(),
        json.dumps({**GOOD, "price": 1.07}).encode(),
        json.dumps({**GOOD, "price": "1.07"}).encode(),
        json.dumps({**GOOD, "price": "0.00000000"}).encode(),
        json.dumps({**GOOD, "price": "-1.07000000"}).encode(),
        json.dumps({**GOOD, "price": "12345678901.00000000"}).encode(),
        json.dumps({**GOOD, "price": "1.07000000\n"}).encode(),
        json.dumps({**GOOD, "quantity": "NaN"}).encode(),
        json.dumps({**GOOD, "trade_id": -1}).encode(),
        json.dumps({**GOOD, "trade_id": 2**63}).encode(),
        json.dumps({**GOOD, "ts_event": 2**62}).encode(),
        json.dumps({**GOOD, "symbol": "../../etc"}).encode(),
        json.dumps({**GOOD, "venue": "Binance"}).encode(),
        json.dumps({**GOOD, "is_buyer_maker": None}).encode(),
        json.dumps({**GOOD, "fee": "1"}).encode(),
        json.dumps({name: value for name, value in GOOD.items() if name != "price"}).encode(),
    ],
)
def test_what_is_no_trade_is_told_and_the_others_are_kept(payload: bytes) -> None:
    good = delivered(rows([1, 2]))
    decoded = trades_of([good[0], Delivery(None, payload, None), good[1]])
    assert list(decoded.wrong) == [1]
    assert decoded.wrong[1]
    assert decoded.rows["trade_id"].to_list() == [1, 2]


def test_a_trade_under_another_ones_name_is_wrong() -> None:
    (message,) = messages_of(rows([7]))
    decoded = trades_of([Delivery("binance/BTCUSDT/8", message.payload, None)])
    assert "'binance/BTCUSDT/8'" in decoded.wrong[0]
    assert decoded.rows.is_empty()
    assert trades_of([Delivery(None, message.payload, None)]).rows["price"][0] == Decimal("1.07")
