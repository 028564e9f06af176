"""Old trades by id, from Binance's REST interface through its own connector."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.sources.budget import Budget

if TYPE_CHECKING:
    from binance.spot import Spot

PAGE = 1_000
"""The most rows one answer holds."""
_TRADES_WEIGHT, _AGGREGATES_WEIGHT = 25, 4
_TOO_MANY, _BANNED = 429, 418
_RETRY_AFTER_S = 60.0
_COLUMNS = ("id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch")

_Rows = list[Mapping[str, Any]]


@dataclass(slots=True)
class TradeHistory:
    """``GET /api/v3/historicalTrades`` and ``aggTrades``, at most 1,000 rows an answer, no key.

    Waits where the weight budget says so. The market-data-only host does not serve the former.
    """

    base_url: str = "https://api.binance.com"
    budget: Budget = field(default_factory=Budget)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def lines(self, symbol: str, first: int, count: int) -> list[str]:
        """Fetch trades from an id on, as lines of the archive's seven columns, ascending.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        limit = min(count, PAGE)
        answer = self._ask(
            _TRADES_WEIGHT,
            lambda spot: spot.historical_trades(symbol, fromId=first, limit=limit),
        )
        rows = sorted(answer, key=lambda row: int(row["id"]))
        return [",".join(str(row[name]) for name in _COLUMNS) for row in rows]

    def covered(self, symbol: str, span: Range) -> Coverage:
        """Find the ids of all trades matched within a span of microseconds, by their aggregates.

        An aggregate names the first and last id of one order's matches at one price: it proves
        that trades were made, and does not tell their quantities apart.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        found: list[Range] = []
        ask: dict[str, int] = {"startTime": span[0] // 1_000}
        while True:
            rows = self._ask(
                _AGGREGATES_WEIGHT,
                lambda spot, ask=ask: spot.agg_trades(symbol, limit=PAGE, **ask),  # type: ignore[misc]
            )
            found.extend((row["f"], row["l"]) for row in rows if row["T"] <= span[1])
            if len(rows) < PAGE or rows[-1]["T"] > span[1]:
                return Coverage.of(found)
            ask = {"fromId": rows[-1]["a"] + 1}

    def _ask(self, weight: int, what: Callable[[Spot], Mapping[str, Any]]) -> _Rows:
        import requests
        from binance.error import ClientError, ServerError
        from binance.spot import Spot

        self.sleep(self.budget.wait_s(self.now(), weight))
        spot = Spot(
            base_url=self.base_url,
            timeout=10,
            show_limit_usage=True,
            time_unit="MICROSECOND",
        )
        try:
            found = what(spot)
        except ClientError as error:
            message = str(error.error_message)
            raise self._refusal(error.status_code, message, error.header) from error
        except ServerError as error:
            raise StreamLost(f"{self.base_url}: answered {error.status_code}", 1.0) from error
        except requests.RequestException as error:
            raise StreamLost(f"{self.base_url}: {error}", 1.0) from error
        finally:
            spot.session.close()
        used = found["limit_usage"].get("x-mbx-used-weight-1m")
        self.budget.spend(self.now(), weight, int(used) if used else None)
        return list(found["data"])

    def _refusal(
        self,
        status: int,
        message: str,
        header: Mapping[str, str],
    ) -> StreamLost | Refused:
        if status not in (_TOO_MANY, _BANNED):
            return Refused(f"{self.base_url}: answered {status}, {message}", status)
        retry_after = float(header.get("Retry-After", _RETRY_AFTER_S))
        self.budget.ban(self.now(), retry_after)
        return StreamLost(f"{self.base_url}: answered {status}, {message}", retry_after)
