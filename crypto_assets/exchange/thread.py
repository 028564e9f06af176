"""The exchange in a thread of its own, for programs that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from crypto_assets.exchange.counters import Counters
from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.journal import Request
from crypto_assets.exchange.limits import Limits
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.pace import Pace
from crypto_assets.exchange.server import Exchange

_T = TypeVar("_T")


class Remote:
    """An exchange that runs in another thread; its calls wait until they are done there."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self.http_url = exchange.http_url
        self.ws_url = exchange.ws_url

    @property
    def counters(self) -> Counters:
        """What has happened so far."""
        return self._call(lambda: self._exchange.counters)

    @property
    def requests(self) -> list[Request]:
        """The last requests of REST and archive; see :attr:`Exchange.requests`."""
        return self._call(lambda: self._exchange.requests)

    @property
    def faults(self) -> Faults:
        """The switches as they stand."""
        return self._call(lambda: self._exchange.faults)

    def inject(self, switches: Mapping[str, object]) -> Faults:
        """Set switches; see :meth:`Exchange.inject`."""
        return self._call(lambda: self._exchange.inject(switches))

    def play(self, pace: Pace) -> None:
        """Go on at another pace."""
        self._call(lambda: self._exchange.play(pace))

    def jump(self, to_us: int) -> None:
        """Let it be a later market time; see :meth:`Exchange.jump`."""
        self._call(lambda: self._exchange.jump(to_us))

    def _call(self, what: Callable[[], _T]) -> _T:
        async def work() -> _T:
            return what()

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()


@contextmanager
def run_in_thread(
    market: Market,
    *,
    pace: Pace | None = None,
    limits: Limits | None = None,
    faults: Mapping[str, object] | None = None,
    port: int = 0,
) -> Iterator[Remote]:
    """Run an exchange in a thread of its own while the ``with`` lasts.

    Raises:
        InvalidSettings: there is no such fault.
        OSError: the port is taken.

    """
    exchange = Exchange(market, pace=pace, limits=limits, faults=faults, port=port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loopback-exchange", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(exchange.__aenter__(), loop).result()
        try:
            yield Remote(exchange, loop)
        finally:
            asyncio.run_coroutine_threadsafe(exchange.__aexit__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
