"""An exchange in a process of its own whose trades come evenly: ``python -m bench.even JSON``.

Trades of several symbols take turns at one pace, so that when each is due follows from its id; no
two that follow each other are of one side, so that each is its own aggregate trade and ``@trade``
and ``@aggTrade`` carry the same number of messages.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.exchange import PAUSED, Exchange, Market
from crypto_assets.model.tables import PRICE, QUANTITY, TIME

Ints = npt.NDArray[np.int64]

START_US = 1_740_960_000_000_000
FIRST_ID, APART = 4_000_000_000, 100_000_000


class Even(msgspec.Struct, frozen=True):
    """What to play."""

    symbols: tuple[str, ...]
    per_second: int
    """Trades of all symbols together."""
    count: int

    def due_us(self, ids: Ints) -> Ints:
        """Say when trades are due in market time."""
        symbol, number = np.divmod(ids - FIRST_ID, APART)
        return START_US + (number * len(self.symbols) + symbol) * 1_000_000 // self.per_second

    def of_aggregates(self, ids: Ints) -> Ints:
        """Give the trade each aggregate trade is made of; the exchange counts from half way."""
        number = ids - FIRST_ID // 2
        symbol = (number - 1) // (APART // 2)
        return FIRST_ID + symbol * APART + number - symbol * (APART // 2) - 1

    def by_symbol(self, ids: Ints) -> list[Ints]:
        """Sort ids out by symbol."""
        symbol = (ids - FIRST_ID) // APART
        return [ids[symbol == k] for k in range(len(self.symbols))]

    def market(self) -> Market:
        """Make it."""
        each = self.count // len(self.symbols)
        number = np.arange(each)
        price = pl.Series((9_500_000 + number % 1_000) * 1_000_000).cast(pl.Int128)
        quantity = pl.Series((1 + number * 7 % 90_000) * 1_000).cast(pl.Int128)
        frames = []
        for k, symbol in enumerate(self.symbols):
            ids = FIRST_ID + k * APART + number
            frames.append(
                pl.DataFrame(
                    {
                        "symbol": pl.Series([symbol]).new_from_index(0, each),
                        "trade_id": ids,
                        "ts_event": pl.Series(self.due_us(ids)).cast(TIME),
                        "price": price.reinterpret(dtype=PRICE),
                        "quantity": quantity.reinterpret(dtype=QUANTITY),
                        "is_buyer_maker": number % 2 == 0,
                    },
                ),
            )
        return Market.of(pl.concat(frames))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where it is."""

    http_url: str
    ws_url: str


async def serve(even: Even) -> None:
    """Serve until asked to end; stands still until it is told a pace."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Exchange(even.market(), pace=PAUSED) as exchange:
        found = Addresses(exchange.http_url, exchange.ws_url)
        print(msgspec.json.encode(found).decode(), flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(msgspec.json.decode(sys.argv[1], type=Even)))
