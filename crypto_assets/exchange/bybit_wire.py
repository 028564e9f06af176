"""The same trades as Bybit would send and publish them: no numbers but UUIDs, milliseconds.

Source: the exchange's API documentation V5, "Websocket Stream", section Trade, and the files of its
public archive of linear contracts.
"""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import polars as pl

from crypto_assets.model.interval import SECOND_US

_HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,"
    "grossValue,homeNotional,foreignNotional"
)
_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, "loopback-exchange")


def match_id(symbol: str, trade_id: int) -> str:
    """Name a trade: the same one always has the same UUID."""
    return str(uuid.uuid5(_NAMES, f"{symbol}:{trade_id}"))


def frames(trades: pl.DataFrame, symbol: str) -> Iterator[bytes]:
    """Write ``publicTrade`` frames: what was matched in a millisecond on one side is in one.

    Args:
        trades: ``trade_id, time_us, price, quantity, is_buyer_maker``, as they are due.
        symbol: whose they are.

    """
    ms = pl.col("time_us") // 1_000
    orders = trades.with_columns(order=pl.struct(ms, "is_buyer_maker").rle_id())
    for order in orders.partition_by("order", maintain_order=True):
        rows = [
            {
                "T": row["time_us"] // 1_000,
                "s": symbol,
                "S": _side(row),
                "v": _text(row["quantity"]),
                "p": _text(row["price"]),
                "L": "ZeroPlusTick",
                "i": match_id(symbol, row["trade_id"]),
                "BT": False,
                "RPI": False,
                "seq": row["trade_id"],
            }
            for row in order.iter_rows(named=True)
        ]
        sent = {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": rows[-1]["T"]}
        yield msgspec.json.encode({**sent, "data": rows})


def day_file(trades: pl.DataFrame, symbol: str) -> bytes:
    """Write the archive's file of these trades, gzipped; the same trades give the same bytes."""
    lines = [_HEADER]
    for row in trades.iter_rows(named=True):
        value = row["price"] * row["quantity"]
        lines.append(
            f"{row['time_us'] // SECOND_US}.{row['time_us'] % SECOND_US // 100:04},{symbol},"
            f"{_side(row)},{_text(row['quantity'])},{_text(row['price'])},ZeroPlusTick,"
            f"{match_id(symbol, row['trade_id'])},{float(value * 10**8)},"
            f"{_text(row['quantity'])},{_text(value)}",
        )
    return gzip.compress("\n".join([*lines, ""]).encode(), mtime=0)


def _side(row: dict[str, object]) -> str:
    """The taker's side."""
    return "Sell" if row["is_buyer_maker"] else "Buy"


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"
