"""What Binance says of its symbols: the answer of ``GET /api/v3/exchangeInfo``."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from crypto_assets.errors import UnreadableInput
from crypto_assets.model.tables import PRICE

_UNITS_US = {13: 1_000, 16: 1}
"""Times are milliseconds or, where that was asked for, microseconds: told by their digits."""
_SIZE = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


class _Filter(msgspec.Struct):
    filterType: str  # noqa: N815 - the wire's name
    tickSize: str | None = None  # noqa: N815 - prices are multiples of it
    stepSize: str | None = None  # noqa: N815 - quantities are multiples of it
    minNotional: str | None = None  # noqa: N815 - the least price x quantity of an order


class _Symbol(msgspec.Struct):
    symbol: str
    status: str  # TRADING, HALT, BREAK, ...
    baseAsset: str | None = None  # noqa: N815 - the wire's name
    quoteAsset: str | None = None  # noqa: N815 - the wire's name
    filters: list[_Filter] = []


class _Answer(msgspec.Struct):
    serverTime: int  # noqa: N815 - ms or us since 1970
    symbols: list[_Symbol]


@dataclass(frozen=True, slots=True)
class Listing:
    """What the venue accepts for one symbol, as it says; None where no filter says."""

    status: str
    tick_size: Decimal | None
    step_size: Decimal | None
    min_notional: Decimal | None = None
    base: str | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """Every symbol the venue lists, as of an instant."""

    at_us: int
    symbols: dict[str, Listing]

    @property
    def date(self) -> dt.date:
        """The UTC day of it."""
        return dt.datetime.fromtimestamp(self.at_us / 1e6, dt.UTC).date()


def looks_like_exchange_info(data: bytes) -> bool:
    """Whether the first bytes of a file are those of such an answer."""
    head = data[:4096]
    return head.lstrip()[:1] == b"{" and b'"serverTime"' in head and b'"rateLimits"' in head


def read_exchange_info(data: bytes) -> ExchangeInfo:
    """Read one answer.

    Raises:
        UnreadableInput: it is not such an answer.
    """
    try:
        answer = msgspec.json.decode(data, type=_Answer)
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"expected an exchangeInfo answer, found {error}") from error
    unit_us = _UNITS_US.get(len(str(answer.serverTime)))
    if unit_us is None:
        raise UnreadableInput(
            "expected an exchangeInfo answer, found one of no time: serverTime "
            f"{answer.serverTime} is neither in ms nor in us",
        )
    at_us = answer.serverTime * unit_us
    return ExchangeInfo(at_us, {entry.symbol: _listing(entry) for entry in answer.symbols})


def is_whole(size: Decimal) -> bool:
    """Whether a size is a positive multiple of 1e-8, the unit of every price and quantity."""
    units = size.scaleb(PRICE.scale)
    return units > 0 and units == units.to_integral_value()


def _listing(symbol: _Symbol) -> Listing:
    by_type = {each.filterType: each for each in symbol.filters}
    prices, lots = by_type.get("PRICE_FILTER"), by_type.get("LOT_SIZE")
    # The older name is in answers of before 2023.
    notional = by_type.get("NOTIONAL") or by_type.get("MIN_NOTIONAL")
    return Listing(
        status=symbol.status,
        tick_size=_size(symbol, prices.tickSize if prices else None),
        step_size=_size(symbol, lots.stepSize if lots else None),
        min_notional=_size(symbol, notional.minNotional if notional else None),
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
    )


def _size(symbol: _Symbol, text: str | None) -> Decimal | None:
    """Read a size; one of 0 switches its filter off."""
    if text is None:
        return None
    if not _SIZE.fullmatch(text):
        raise UnreadableInput(
            f"expected an exchangeInfo answer, found {symbol.symbol} with a size of {text!r}",
        )
    return Decimal(text) or None
