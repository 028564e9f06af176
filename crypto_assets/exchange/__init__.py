"""A loopback exchange: a real server that speaks Binance and misbehaves on order.

::

    with run_in_thread(random_market(["BTCUSDT"], start_us, 60, 50, seed=1)) as exchange:
        Spot(base_url=exchange.http_url).klines("BTCUSDT", "1s")
        exchange.inject({"drop": 10, "hang_up": "abort"})
        exchange.inject({"archive_truncated": ["BTCUSDT-trades-2025-01-01"]})
        assert exchange.counters.too_early == 0

Unmodified clients talk to it; for the demo and for tests. Every switch is in :mod:`faults`. The
same symbols are listed as Binance's USD-margined futures, as far as their klines, and on Bybit.
What is not like the exchange: prices are not made by an order book, so there is no depth, and
nothing can be ordered.
"""

from __future__ import annotations

from crypto_assets.exchange.counters import Counters
from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.journal import Request
from crypto_assets.exchange.limits import Limits
from crypto_assets.exchange.market import Market, random_market
from crypto_assets.exchange.pace import FLAT_OUT, PAUSED, Pace
from crypto_assets.exchange.server import Exchange
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
    "Request",
    "random_market",
    "run_in_thread",
]
