"""The door to the network: what an exchange sends, as bytes, and when it came."""

from __future__ import annotations

from crypto_assets.errors import InvalidName
from crypto_assets.sources.binance import BINANCE
from crypto_assets.sources.bybit import BYBIT
from crypto_assets.sources.feed import Feed

_FEEDS: dict[str, Feed] = {found.name: found for found in (BINANCE, BYBIT)}


def feed(venue: str) -> Feed:
    """Find how a venue is listened to.

    Raises:
        InvalidName: no venue of that name can be.
    """
    try:
        return _FEEDS[venue]
    except KeyError:
        raise InvalidName(
            f"venue {venue!r}: expected one that can be recorded, {', '.join(_FEEDS)}",
        ) from None
