"""A loopback exchange: a real server that speaks Binance and misbehaves on order.

::

    with run_in_thread(random_market(["BTCUSDT"], start_us, 60, 50, seed=1)) as exchange:
        Spot(base_url=exchange.http_url).klines("BTCUSDT", "1s")
        exchange.inject({"drop": 10, "hang_up": "abort"})

Unmodified clients talk to it; for the demo and for tests. The same symbols are listed as Binance's
USD-margined futures and on Bybit, as far as their klines. What is not like the exchange: prices
are not made by an order book, so there is no depth, and nothing can be ordered.
"""

from __future__ import annotations

from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.limits import Limits
from crypto_assets.exchange.market import Market, random_market
from crypto_assets.exchange.pace import FLAT_OUT, PAUSED, Pace
from crypto_assets.exchange.server import Counters, Exchange
from crypto_assets.exchange.thread import Remote, run_in_thread

__all__ = [
    "FLAT_OUT",
    "PAUSED",
    "Counters",
    "Exchange",
    "Faults",
    "Limits",
    "Market",
    "Pace",
    "Remote",
    "random_market",
    "run_in_thread",
]
