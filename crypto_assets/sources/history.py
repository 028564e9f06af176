"""What Binance gives over REST: old trades by id, aggregate trades, klines, its symbols."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import Interval
from crypto_assets.sources.binance import BINANCE
from crypto_assets.sources.budget import Allowance, Budget
from crypto_assets.sources.rest import Rest

PAGE = 1_000
"""The most rows one answer holds."""
_TRADES_WEIGHT, _AGGREGATES_WEIGHT, _KLINES_WEIGHT = 25, 4, 2
_EXCHANGE_INFO_WEIGHT, _TIME_WEIGHT = 20, 1
_TRADE_COLUMNS = ("id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch")
_AGGREGATE_COLUMNS = ("a", "p", "q", "f", "l", "T", "m", "M")
_OPEN, _CLOSE = 0, 6

_Rows = list[Mapping[str, Any]]


@dataclass(slots=True)
class TradeHistory:
    """``GET /api/v3/historicalTrades``, ``aggTrades``, ``klines`` and ``exchangeInfo``, no key.

    An answer has at most 1,000 rows; prices and quantities stay the strings they came as. Waits
    where the weight budget says so. The market-data-only host does not serve the first of them.
    """

    base_url: str = "https://api.binance.com"
    budget: Allowance = field(default_factory=Budget)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    rest: Rest = field(init=False)

    def __post_init__(self) -> None:
        self.rest = Rest(self.base_url, self.budget, self.sleep, self.now)

    def lines(self, symbol: str, first: int, count: int) -> list[str]:
        """Fetch trades from an id on, as lines of the archive's seven columns, ascending.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        limit = min(count, PAGE)
        answer = self.rest.ask(
            _TRADES_WEIGHT,
            lambda spot: spot.historical_trades(symbol, fromId=first, limit=limit),
        )
        rows = sorted(answer.data, key=lambda row: int(row["id"]))
        return [_line(row[name] for name in _TRADE_COLUMNS) for row in rows]

    def covered(self, symbol: str, span: Range) -> Coverage:
        """Find the ids of all trades matched within a span of microseconds, by their aggregates.

        An aggregate names the first and last id of one order's matches at one price: it proves
        that trades were made, and does not tell their quantities apart.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        pages = self._aggregates(symbol, span)
        return Coverage.of((row["f"], row["l"]) for page in pages for row in page)

    def aggregates(
        self,
        symbol: str,
        span: Range,
        first: int | None = None,
    ) -> Iterator[list[str]]:
        """Fetch the aggregate trades matched within a span of microseconds, page by page.

        With ``first`` those from an aggregate's id on, to the end of the span. Lines have the
        archive's eight columns, ascend by id and are each given once; no page is empty.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        for page in self._aggregates(symbol, span, first):
            yield [_line(row[name] for name in _AGGREGATE_COLUMNS) for row in page]

    def _aggregates(self, symbol: str, span: Range, first: int | None = None) -> Iterator[_Rows]:
        ask = {"startTime": span[0]} if first is None else {"fromId": first}
        while True:
            answer = self.rest.ask(
                _AGGREGATES_WEIGHT,
                lambda spot, ask=ask: spot.agg_trades(symbol, limit=PAGE, **ask),  # type: ignore[misc]
            )
            rows = sorted(answer.data, key=lambda row: int(row["a"]))
            if page := [row for row in rows if span[0] <= row["T"] <= span[1]]:
                yield page
            # A page may be short before the last: the newest is known by nothing after it.
            if not rows or rows[-1]["T"] > span[1]:
                return
            ask = {"fromId": rows[-1]["a"] + 1}

    def first_id(self, symbol: str, since_us: int) -> int | None:
        """Find the first trade matched at an instant or later, None where there is none yet.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        rows = self.rest.ask(
            _AGGREGATES_WEIGHT,
            lambda spot: spot.agg_trades(symbol, startTime=since_us, limit=1),
        ).data
        return int(rows[0]["f"]) if rows else None

    def newest_id(self, symbol: str) -> int | None:
        """Find the newest trade, None where there never was one.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        rows = self.rest.ask(
            _AGGREGATES_WEIGHT,
            lambda spot: spot.agg_trades(symbol, limit=1),
        ).data
        return int(rows[-1]["l"]) if rows else None

    def klines(self, symbol: str, interval: Interval, span: Range) -> Iterator[list[str]]:
        """Fetch the closed klines that open within a span of microseconds, page by page.

        Lines have the archive's twelve columns, ascend by open time and are each given once; no
        page is empty. A kline is closed when its close time is before the exchange's own time.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        now_us = self.server_time_us()
        at, last = span[0], min(span[1], now_us - interval.microseconds)
        while at <= last:
            answer = self.rest.ask(
                _KLINES_WEIGHT,
                lambda spot, at=at: spot.klines(  # type: ignore[misc]
                    symbol,
                    interval.value,
                    startTime=at,
                    endTime=last,
                    limit=PAGE,
                ),
            )
            rows = sorted(answer.data, key=lambda row: int(row[_OPEN]))
            closed = [row for row in rows if at <= row[_OPEN] <= last and row[_CLOSE] < now_us]
            if not closed:
                return
            yield [_line(row) for row in closed]
            at = closed[-1][_OPEN] + interval.microseconds

    def server_time_us(self) -> int:
        """Ask the exchange's clock, in microseconds since 1970.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        return BINANCE.server_time_us(self.rest.ask(_TIME_WEIGHT, lambda spot: spot.time()).body)

    def exchange_info(self) -> bytes:
        """Fetch the exchange's description of all its symbols, verbatim.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        return self.rest.ask(_EXCHANGE_INFO_WEIGHT, lambda spot: spot.exchange_info()).body


def _line(values: Iterable[object]) -> str:
    return ",".join(map(str, values))
