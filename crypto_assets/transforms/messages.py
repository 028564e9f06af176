"""Trades as messages of a broker, and messages as trades again: JSON with exact decimals as text.

::

    {"venue":"binance","symbol":"BTCUSDT","trade_id":3733089955,"ts_event":1723161600000000,
     "price":"61700.01000000","quantity":"0.00100000","is_buyer_maker":true,
     "ts_recv":1723161600012345,"quoted_value":null,"match_id":null}

Times are microseconds since 1970 UTC; prices and quantities have their eight decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.message import STREAM_FRAME, Delivery, Message, id_of, token_of
from crypto_assets.model.tables import TIME

_LAST_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
_Positive = r"\A(?!0+\.0+\Z)"
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=_LAST_US)]
_Price = Annotated[str, msgspec.Meta(pattern=_Positive + r"[0-9]{1,10}\.[0-9]{8}\Z")]
_Quantity = Annotated[str, msgspec.Meta(pattern=_Positive + r"[0-9]{1,20}\.[0-9]{8}\Z")]
_Value = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,20}\.[0-9]{8}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z-]{1,64}\Z")]


class _Trade(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a payload must be; its fields are the columns of ``STREAM_FRAME``."""

    venue: str
    symbol: str
    trade_id: _Id
    ts_event: _Time
    price: _Price
    quantity: _Quantity
    is_buyer_maker: bool
    ts_recv: _Time | None
    quoted_value: _Value | None
    match_id: _Name | None


_DECODER = msgspec.json.Decoder(_Trade)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was in some messages."""

    rows: pl.DataFrame
    """The columns of ``STREAM_FRAME``, in the order of the messages that could be read."""
    wrong: dict[int, str]
    """Why a message could not be read, by its place among them."""


def messages_of(rows: pl.DataFrame) -> list[Message]:
    """Make a message of each row of a frame with the columns of ``STREAM_FRAME``."""
    texts = rows.select(
        pl.struct(
            pl.col(name).cast(pl.String())
            if isinstance(dtype, pl.Decimal)
            else pl.col(name).to_physical()
            if dtype == TIME
            else pl.col(name)
            for name, dtype in STREAM_FRAME.items()
        ).struct.json_encode(),
    ).to_series()
    named = {
        (venue, symbol): Instrument(venue, symbol)
        for venue, symbol in rows.select("venue", "symbol").unique().iter_rows()
    }
    tokens = {key: token_of(one.symbol) for key, one in named.items()}
    return [
        Message(
            id_of(named[venue, symbol], trade_id, match_id),
            venue,
            tokens[venue, symbol],
            text.encode(),
        )
        for venue, symbol, trade_id, match_id, text in zip(
            *(rows[name] for name in ("venue", "symbol", "trade_id", "match_id")),
            texts,
            strict=True,
        )
    ]


def trades_of(deliveries: Sequence[Delivery]) -> Decoded:
    """Read messages; one that is not exactly a trade, or not the one its id says, is told why."""
    wrong: dict[int, str] = {}
    found = list(_read(deliveries, wrong))
    columns = {
        name: pl.Series(
            name,
            [getattr(trade, name) for trade in found],
            dtype=pl.String() if isinstance(dtype, pl.Decimal) else _stored(dtype),
        ).cast(dtype)
        for name, dtype in STREAM_FRAME.items()
    }
    return Decoded(pl.DataFrame(columns), wrong)


def _stored(dtype: pl.DataType) -> pl.DataType:
    return pl.Int64() if dtype == TIME else dtype


def _read(deliveries: Sequence[Delivery], wrong: dict[int, str]) -> Iterator[_Trade]:
    """Give every trade that can be read, and note why the others cannot."""
    known: dict[tuple[str, str], Instrument | str] = {}
    for place, delivery in enumerate(deliveries):
        trade = _one(delivery.payload)
        if isinstance(trade, str):
            wrong[place] = trade
            continue
        key = trade.venue, trade.symbol
        if key not in known:
            known[key] = _instrument(*key)
        instrument = known[key]
        if isinstance(instrument, str):
            wrong[place] = instrument
            continue
        name = id_of(instrument, trade.trade_id, trade.match_id)
        if delivery.id not in (None, name):
            wrong[place] = f"expected the trade {delivery.id!r} it is named after, found {name!r}"
            continue
        yield trade


def _one(payload: bytes) -> _Trade | str:
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"expected a trade as JSON, found {error}"


def _instrument(venue: str, symbol: str) -> Instrument | str:
    try:
        return Instrument(venue, symbol)
    except InvalidName as error:
        return str(error)
