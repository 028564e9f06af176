"""Ids and subjects: the same trade has the same name, and no symbol reaches outside its token."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.message import Message, id_of, symbol_of, token_of
from crypto_assets.model.stream import stream_name

BTC = Instrument("binance", "BTCUSDT")


def test_a_trade_is_named_by_its_number_or_by_its_name() -> None:
    assert id_of(BTC, 3733089955, None) == "binance/BTCUSDT/3733089955"
    assert id_of(Instrument("bybit", "BTCUSDT"), 7, "ab-1") == "bybit/BTCUSDT/ab-1"


def test_a_message_has_a_subject_and_a_key() -> None:
    message = Message("i", "binance", token_of("币安USDT"), b"")
    assert message.subject("trades") == "trades.binance._E5_B8_81_E5_AE_89USDT"
    assert message.key == "binance/_E5_B8_81_E5_AE_89USDT"


@given(st.text(min_size=1))
def test_any_symbol_is_written_without_separators_and_read_back(symbol: str) -> None:
    try:
        symbol.encode()
    except UnicodeEncodeError:
        return
    token = token_of(symbol)
    assert re.fullmatch("[A-Z0-9_]+", token)
    assert symbol_of(token) == symbol


@pytest.mark.parametrize("symbol", ["*", ">", "a.b", "BTC USDT", "A_B", "\n"])
def test_what_a_broker_would_read_as_its_own_is_escaped(symbol: str) -> None:
    assert not set(token_of(symbol)) & set("*>. \n")
    assert token_of(symbol) != symbol


@pytest.mark.parametrize("token", ["", "a", "A.B", "_41", "_E5", "_", "_zz"])
def test_what_was_not_written_so_is_refused(token: str) -> None:
    with pytest.raises(InvalidName):
        symbol_of(token)


@pytest.mark.parametrize("name", ["", "Trades", "a.b", "a>", "1a", "a" * 33])
def test_a_stream_whose_name_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        stream_name(name)
    assert stream_name("trades_2") == "trades_2"
