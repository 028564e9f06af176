"""Names that end in paths, keys and SQL are held to letters and digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument

UNSAFE = "/\\.|=:'\"*?[]{}%$;, \n\t\0_-+~"


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000SATSUSDT", "币安人生USDT", "ÄÖUSDT", "A1"])
def test_symbols_of_upper_case_letters_and_digits_of_any_script_pass(symbol: str) -> None:
    assert Instrument("binance", symbol).symbol == symbol


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "A",
        "A" * 41,
        "btcusdt",
        "BTCUSDt",
        "..",
        "../ETC",
        "/ETC/PASSWD",
        "BTC/USDT",
        "BTC|USDT",
        "BTC=USDT",
        "BTC_USDT",
        "BTC USDT",
        "BTCUSDT\n",
        "BTC\0USDT",
        "BTC'--",
        "STRAßE",
        "E\u0301USDT",  # a letter and a combining accent, which file systems may join
    ],
)
def test_any_other_symbol_is_refused_and_shown(symbol: str) -> None:
    with pytest.raises(InvalidName) as refused:
        Instrument("binance", symbol)
    assert repr(symbol) in str(refused.value)
    assert "such as BTCUSDT" in str(refused.value)


@given(st.text(st.sampled_from("AZ09币") | st.sampled_from(UNSAFE), max_size=12))
def test_no_character_that_means_something_to_a_path_key_or_sql_passes(symbol: str) -> None:
    if not set(symbol) & set(UNSAFE):
        return
    with pytest.raises(InvalidName):
        Instrument("binance", symbol)


@pytest.mark.parametrize("venue", ["", "b", "Binance", "../x", "a/b", "1x", "a" * 33, "bin-ance"])
def test_a_venue_is_lower_case_letters_digits_and_underscores(venue: str) -> None:
    with pytest.raises(InvalidName, match="venue"):
        Instrument(venue, "BTCUSDT")
    assert Instrument("binance_us", "BTCUSDT").venue == "binance_us"


def test_text_is_read_with_and_without_its_venue() -> None:
    assert Instrument.parse("btcusdt") == Instrument("binance", "BTCUSDT")
    assert Instrument.parse("bybit:BTCUSDT") == Instrument("bybit", "BTCUSDT")
    assert Instrument.parse("BTCUSDT", "bybit") == Instrument("bybit", "BTCUSDT")
    assert str(Instrument.parse("币安人生usdt")) == "binance:币安人生USDT"


@pytest.mark.parametrize("text", ["", ":", "binance:", "x:y:BTCUSDT", "../../etc", "BTC|2024"])
def test_text_that_is_no_instrument_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        Instrument.parse(text)
