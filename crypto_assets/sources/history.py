"""Old trades by id, from Binance's REST interface through its own connector."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.budget import Budget

PAGE = 1_000
"""The most trades one answer holds."""
_WEIGHT = 25
_TOO_MANY, _BANNED, _UNAVAILABLE = 429, 418, 500
_RETRY_AFTER_S = 60.0
_COLUMNS = ("id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch")


@dataclass(slots=True)
class TradeHistory:
    """``GET /api/v3/historicalTrades``: needs no key; weight 25, at most 1,000 trades an answer.

    Waits where the weight budget says so. ``base_url`` must be a host that serves it, which the
    market-data-only host does not.
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
        self.sleep(self.budget.wait_s(self.now(), _WEIGHT))
        answer = self._ask(symbol, first, min(count, PAGE))
        rows = sorted(answer, key=lambda row: int(str(row["id"])))
        return [",".join(str(row[name]) for name in _COLUMNS) for row in rows]

    def _ask(self, symbol: str, first: int, count: int) -> list[Mapping[str, object]]:
        import requests
        from binance.error import ClientError, ServerError
        from binance.spot import Spot

        spot = Spot(
            base_url=self.base_url,
            timeout=10,
            show_limit_usage=True,
            time_unit="MICROSECOND",
        )
        try:
            found = spot.historical_trades(symbol, fromId=first, limit=count)
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
        self.budget.spend(self.now(), _WEIGHT, int(used) if used else None)
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
