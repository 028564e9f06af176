"""Coins and currencies, as CoinGecko names them."""

from __future__ import annotations

import re

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument

PRICES = Instrument("coingecko", "PRICES")
"""Under what the prices of all coins of a day lie together."""
_COIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_CURRENCY = re.compile(r"[a-z]{2,10}", re.ASCII)


def checked_coin(text: str) -> str:
    """Hold a coin's id against what may reach an address.

    Raises:
        InvalidName: it is none.
    """
    if not _COIN.fullmatch(text):
        raise InvalidName(
            f"coin {text!r}: expected an id of CoinGecko's, letters, digits and _ . -, such as "
            "bitcoin or usd-coin",
        )
    return text


def checked_currency(text: str) -> str:
    """Hold a currency against what may reach an address.

    Raises:
        InvalidName: it is none.
    """
    if not _CURRENCY.fullmatch(text):
        raise InvalidName(f"currency {text!r}: expected 2 to 10 of a-z, such as usd")
    return text
