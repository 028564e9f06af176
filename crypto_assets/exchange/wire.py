"""What goes over the wire, made by columns: the texts of frames and of REST rows.

Source: the exchange's "WebSocket Streams for Binance" (payloads, combined streams, time units) and
"Public Rest API for Binance" (rows of trades, aggregate trades and klines). Prices and quantities
are text with 8 decimals.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl

from crypto_assets.exchange.tape import UNIT

MS, US = "ms", "us"

_SHORT, _LONG = 126, 1 << 16
_TEXT = 0x81


def frame(payload: bytes) -> bytes:
    """Put the websocket header of one whole unmasked text message in front of it (RFC 6455, 5.2).

    Raises:
        ValueError: the message has 64 KiB or more; nothing of a market has.

    """
    size = len(payload)
    if size < _SHORT:
        return bytes((_TEXT, size)) + payload
    if size >= _LONG:
        raise ValueError(f"expected a message of less than {_LONG} bytes, found {size}")
    return bytes((_TEXT, _SHORT)) + size.to_bytes(2) + payload


def frames(payloads: pl.Series, stream: str | None) -> list[bytes]:
    """Frame messages, wrapped with their stream's name where one is given."""
    name = json.dumps(stream, ensure_ascii=False)
    if stream is None:
        return [frame(payload.encode()) for payload in payloads.to_list()]
    head, tail = f'{{"stream":{name},"data":'.encode(), b"}"
    return [frame(head + payload.encode() + tail) for payload in payloads.to_list()]


def wrapped(payload: bytes, stream: str | None) -> bytes:
    """Frame one message, wrapped with its stream's name where one is given."""
    if stream is None:
        return frame(payload)
    name = json.dumps(stream, ensure_ascii=False).encode()
    return frame(b'{"stream":%b,"data":%b}' % (name, payload))


def rows(texts: pl.Series) -> bytes:
    """Put REST rows into one array."""
    return f"[{','.join(texts.to_list())}]".encode()


def shortest(value: int) -> str:
    """Write whole units of 1e-8 with the decimals they need, as the derivatives' rules are."""
    return f"{value // UNIT}.{value % UNIT:08d}".rstrip("0").rstrip(".")


def time(name: str, unit: str) -> pl.Expr:
    """A time in the unit asked for, rounded down."""
    return pl.col(name) // 1_000 if unit == MS else pl.col(name)


def trade_payloads(trades: pl.DataFrame, symbol: str, unit: str) -> pl.Series:
    """Write ``@trade``; the event time is the trade's."""
    at = time("time_us", unit)
    return _texts(
        trades,
        '{"e":"trade","E":@,"s":"' + symbol + '","t":@,"p":"@","q":"@","T":@,"m":@,"M":true}',
        (at, "trade_id", "price", "quantity", at, "is_buyer_maker"),
    )


def aggregate_payloads(aggregates: pl.DataFrame, symbol: str, unit: str) -> pl.Series:
    """Write ``@aggTrade``."""
    at = time("time_us", unit)
    return _texts(
        aggregates,
        '{"e":"aggTrade","E":@,"s":"'
        + symbol
        + '","a":@,"p":"@","q":"@","f":@,"l":@,"T":@,"m":@,"M":true}',
        (at, "agg_id", "price", "quantity", "first_id", "last_id", at, "is_buyer_maker"),
    )


def quote_payloads(quotes: pl.DataFrame, symbol: str) -> pl.Series:
    """Write ``@bookTicker``, which has no time."""
    return _texts(
        quotes,
        '{"u":@,"s":"' + symbol + '","b":"@","B":"@","a":"@","A":"@"}',
        ("update_id", "bid", "bid_quantity", "ask", "ask_quantity"),
    )


def kline_payloads(
    bars: pl.DataFrame, symbol: str, interval: tuple[str, int], unit: str
) -> pl.Series:
    """Write ``@kline_<interval>`` of closed klines; ``interval`` is its name and length in us."""
    name, length = interval
    bars = bars.with_columns(close_us=pl.col("open_us") + length)
    opens, ends = time("open_us", unit), time("close_us", unit)
    return _texts(
        bars,
        '{"e":"kline","E":@,"s":"'
        + symbol
        + '","k":{"t":@,"T":@,"s":"'
        + symbol
        + '","i":"'
        + name
        + '","f":@,"L":@,"o":"@","c":"@","h":"@","l":"@","v":"@","n":@,"x":true,"q":"@","V":"@",'
        '"Q":"@","B":"0"}}',
        (
            ends,
            opens,
            ends - 1,
            "first_id",
            "last_id",
            "open",
            "close",
            "high",
            "low",
            "volume",
            "count",
            "quote_volume",
            "taker_volume",
            "taker_quote_volume",
        ),
    )


def trade_rows(trades: pl.DataFrame, unit: str) -> pl.Series:
    """Write the objects of ``/trades`` and ``/historicalTrades``."""
    return _texts(
        trades,
        '{"id":@,"price":"@","qty":"@","quoteQty":"@","time":@,"isBuyerMaker":@,"isBestMatch":true}',
        ("trade_id", "price", "quantity", "quote", time("time_us", unit), "is_buyer_maker"),
    )


def aggregate_rows(aggregates: pl.DataFrame, unit: str) -> pl.Series:
    """Write the objects of ``/aggTrades``."""
    return _texts(
        aggregates,
        '{"a":@,"p":"@","q":"@","f":@,"l":@,"T":@,"m":@,"M":true}',
        (
            "agg_id",
            "price",
            "quantity",
            "first_id",
            "last_id",
            time("time_us", unit),
            "is_buyer_maker",
        ),
    )


def kline_rows(bars: pl.DataFrame, interval_us: int, unit: str) -> pl.Series:
    """Write the arrays of ``/klines``; the close time is the last instant of the kline."""
    bars = bars.with_columns(close_us=pl.col("open_us") + interval_us)
    return _texts(
        bars,
        '[@,"@","@","@","@","@",@,"@",@,"@","@","0"]',
        (
            time("open_us", unit),
            "open",
            "high",
            "low",
            "close",
            "volume",
            time("close_us", unit) - 1,
            "quote_volume",
            "count",
            "taker_volume",
            "taker_quote_volume",
        ),
    )


def _texts(found: pl.DataFrame, template: str, values: Iterable[pl.Expr | str]) -> pl.Series:
    """Fill a template's ``@`` with columns."""
    pieces = template.split("@")
    columns = [pl.col(value) if isinstance(value, str) else value for value in values]
    parts: list[pl.Expr] = [pl.lit(pieces[0])]
    for column, piece in zip(columns, pieces[1:], strict=True):
        parts += [column.cast(pl.String()), pl.lit(piece)]
    return found.select(text=pl.concat_str(parts)).get_column("text")
