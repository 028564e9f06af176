"""What Binance says of its symbols: the answer of ``GET /api/v3/exchangeInfo``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from crypto_assets.errors import UnreadableInput
from crypto_assets.venues.binance_wire import time_us


class _Filter(msgspec.Struct):
    filterType: str  # noqa: N815 - the wire's name
    tickSize: str | None = None  # noqa: N815 - prices are multiples of it
    stepSize: str | None = None  # noqa: N815 - quantities are multiples of it


class _Symbol(msgspec.Struct):
    symbol: str
    status: str  # TRADING, HALT, BREAK, ...
    filters: list[_Filter] = []


class _Answer(msgspec.Struct):
    serverTime: int  # noqa: N815 - ms or us since 1970
    symbols: list[_Symbol]


@dataclass(frozen=True, slots=True)
class Listing:
    """What the venue accepts for one symbol; None where no filter says."""

    status: str
    tick_size: Decimal | None
    step_size: Decimal | None


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """Every symbol the venue lists, as of one UTC day."""

    date: dt.date
    symbols: dict[str, Listing]


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
    read = time_us(answer.serverTime)
    if read is None:
        raise UnreadableInput(f"expected a serverTime in ms or us, found {answer.serverTime}")
    date = dt.datetime.fromtimestamp(read[0] / 1_000_000, dt.UTC).date()
    return ExchangeInfo(date, {entry.symbol: _listing(entry) for entry in answer.symbols})


def _listing(symbol: _Symbol) -> Listing:
    tick = next((f.tickSize for f in symbol.filters if f.filterType == "PRICE_FILTER"), None)
    step = next((f.stepSize for f in symbol.filters if f.filterType == "LOT_SIZE"), None)
    return Listing(symbol.status, _size(tick), _size(step))


def _size(text: str | None) -> Decimal | None:
    """A size of 0 switches its filter off."""
    return Decimal(text) or None if text else None
