"""What any exchange lists, by the unified name it has in ccxt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument

_UNIFIED = re.compile(
    r"(?P<base>[^\W_]+)/(?P<quote>[^\W_]+)"
    r"(:(?P<settle>[^\W_]+)(-(?P<expiry>[0-9]{6})(-(?P<strike>[0-9]+)-(?P<right>[CP]))?)?)?",
)
"""Source: ccxt's manual, "Contract Naming Conventions"."""


@dataclass(frozen=True, slots=True, order=True)
class Listing:
    """One unified symbol of one exchange, such as ``BTC/USDT:USDT`` of ``bybit``.

    Raises:
        InvalidName: the exchange or the symbol is none that may reach paths, keys and SQL.
    """

    exchange: str
    unified: str

    def __post_init__(self) -> None:
        if not _UNIFIED.fullmatch(self.unified):
            raise InvalidName(
                f"symbol {self.unified!r}: expected a unified one of letters and digits, such as "
                "BTC/USDT, BTC/USDT:USDT or BTC/USD:BTC-261225",
            )
        _ = self.instrument

    @property
    def instrument(self) -> Instrument:
        """Name it as paths and SQL do.

        ``BTC/USDT`` is ``BTCUSDT``, the swap ``BTC/USDT:USDT`` is ``BTCUSDTPERP``, one that is
        settled in another asset names it, ``BTCUSDBTCPERP``; what expires ends in its date, an
        option in its date, strike and ``C`` or ``P``. Two may have the same name: see
        :func:`listings`.
        """
        found = _UNIFIED.fullmatch(self.unified)
        assert found is not None  # noqa: S101 - held against it when it was made
        base, quote, settle = found["base"], found["quote"], found["settle"]
        name = base + quote
        if settle is not None:
            name += "" if settle == quote else settle
            name += found["expiry"] or "PERP"
            name += (found["strike"] or "") + (found["right"] or "")
        return Instrument(self.exchange, name.upper())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``bybit:BTC/USDT:USDT``.

        Raises:
            InvalidName: it is none.
        """
        exchange, _, unified = text.partition(":")
        if not unified:
            raise InvalidName(
                f"instrument {text!r}: expected an exchange and a unified symbol, such as "
                "bybit:BTC/USDT:USDT",
            )
        return cls(exchange, unified)

    def __str__(self) -> str:
        return f"{self.exchange}:{self.unified}"


def listings(texts: Iterable[str]) -> tuple[Listing, ...]:
    """Read several, each once, in order.

    Raises:
        InvalidName: one is none, or two of them would lie in one place.
    """
    found = sorted({Listing.parse(text) for text in texts})
    places: dict[Instrument, Listing] = {}
    for listing in found:
        other = places.setdefault(listing.instrument, listing)
        if other != listing:
            raise InvalidName(
                f"{listing} and {other}: expected different names, both are {listing.instrument}",
            )
    return tuple(found)
