"""A unified symbol becomes a name that is safe in paths, and no two share one unseen."""

from __future__ import annotations

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.model.listing import Listing, listings


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("binance:BTC/USDT", "binance:BTCUSDT"),
        ("bybit:BTC/USDT:USDT", "bybit:BTCUSDTPERP"),
        ("bybit:BTC/USD:BTC", "bybit:BTCUSDBTCPERP"),
        ("okx:BTC/USDT:USDT-261225", "okx:BTCUSDT261225"),
        ("deribit:BTC/USD:BTC-261225-100000-C", "deribit:BTCUSDBTC261225100000C"),
        ("hyperliquid:kPEPE/USDC:USDC", "hyperliquid:KPEPEUSDCPERP"),
    ],
)
def test_a_listing_has_a_name_for_paths(text: str, name: str) -> None:
    listing = Listing.parse(text)
    assert str(listing) == text
    assert str(listing.instrument) == name


@pytest.mark.parametrize(
    "text",
    [
        "BTC/USDT",
        "bybit:",
        "bybit:BTCUSDT",
        "bybit:BTC/",
        "bybit:BTC/USDT:",
        "bybit:../../etc",
        "bybit:BTC/../USDT",
        "Bybit:BTC/USDT",
        "bybit:BTC/USDT|x",
        "bybit:BTC/USDT:USDT-26",
        "bybit:B_C/USDT",
        "bybit:BTC/USDT\n",
    ],
)
def test_what_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        Listing.parse(text)


def test_listings_are_read_once_each_and_in_order() -> None:
    found = listings(["bybit:ETH/USDT", "binance:BTC/USDT", "bybit:ETH/USDT"])
    assert [str(one) for one in found] == ["binance:BTC/USDT", "bybit:ETH/USDT"]


def test_two_listings_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidName, match="bybit:KPEPEUSDT"):
        listings(["bybit:kPEPE/USDT", "bybit:KPEPE/USDT"])
