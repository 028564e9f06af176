"""CoinGecko over REST: what coins cost now, and cost in the past; the bytes as they come.

Source: the provider's API documentation (v3), "Authentication" (a key goes into a header, the paid
plan's to a host of its own), "Common Errors & Rate Limit" (calls a minute by plan, then 429).
"""

from __future__ import annotations

import http
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from crypto_assets.errors import InvalidSettings, Refused, StreamLost
from crypto_assets.sources.budget import Allowance, Budget
from crypto_assets.sources.guard import Guard
from crypto_assets.sources.refusal import BANNED, TOO_MANY, retry_after, will_not_serve

if TYPE_CHECKING:
    from requests import Response

PUBLIC_URL = "https://api.coingecko.com"
PRO_URL = "https://pro-api.coingecko.com"
LONGEST_QUERY = 1_800
"""Characters of an address behind its path: many servers and proxies end at 2,048 in all."""
_TIMEOUT_S = (10, 30)
_LARGEST = 16 << 20
_RETRY_AFTER_S = 60.0
_SAID = 200
_REDIRECTION = 3
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the header it goes into; it shows itself nowhere."""

    header: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class CoinGecko:
    """One host. Within its budget, and never before a ``Retry-After`` that any process was told.

    A key is sent over TLS only, or to this machine, and follows no redirection elsewhere.

    Raises:
        InvalidSettings: there is a key, and the address is not one it may be sent to.
    """

    base_url: str = PUBLIC_URL
    key: Key | None = None
    budget: Allowance = field(default_factory=Budget)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        found = urlsplit(self.base_url)
        if self.key is not None and found.scheme != "https" and found.hostname not in _LOOPBACK:
            raise InvalidSettings(
                f"{self.base_url}: expected https where a key is sent, found {found.scheme!r}",
            )
        self.guard = Guard(self.base_url, self.budget, self.sleep, self.now)

    def batches(
        self,
        coins: Sequence[str],
        currencies: Sequence[str],
    ) -> Iterator[Sequence[str]]:
        """Cut coins into as few runs as addresses of a bounded length hold, each at least one."""
        start = 0
        for end in range(1, len(coins) + 1):
            if end - start > 1 and len(_query(coins[start:end], currencies)) > LONGEST_QUERY:
                yield coins[start : end - 1]
                start = end - 1
        if start < len(coins):
            yield coins[start:]

    def prices(self, coins: Sequence[str], currencies: Sequence[str]) -> bytes:
        """Ask ``/api/v3/simple/price``, of one of :meth:`batches`.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        return self._ask(f"/api/v3/simple/price?{_query(coins, currencies)}")

    def chart(self, coin: str, currency: str, span_us: tuple[int, int]) -> bytes:
        """Ask ``/api/v3/coins/{id}/market_chart/range`` for ``[first, last)``.

        A span of one day that is over comes hour by hour.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        asked = {
            "vs_currency": currency,
            "from": span_us[0] // 1_000_000,
            "to": span_us[1] // 1_000_000 - 1,
            "precision": "full",
        }
        path = f"/api/v3/coins/{quote(coin, safe='')}/market_chart/range"
        return self._ask(f"{path}?{urlencode(asked)}")

    def _ask(self, path: str) -> bytes:
        return self.guard.ask(1, lambda: self._send(path))

    def _send(self, path: str) -> bytes:
        import requests
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json"}
        if self.key is not None:
            headers[self.key.header] = self.key.secret
        try:
            with requests.get(
                self.base_url.rstrip("/") + path,
                headers=headers,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(_LARGEST + 1, decode_content=True)
                if response.status_code != http.HTTPStatus.OK:
                    raise self._refusal(response, body)
        # requests does not translate what is raised while a raw body is read.
        except (requests.RequestException, HTTPError, OSError) as error:
            # What is at the bottom of it comes last, behind the whole address.
            raise StreamLost(f"{self.base_url}: ...{str(error)[-_SAID:]}") from error
        if len(body) > _LARGEST:
            raise Refused(f"{self.base_url}: answered with more than {_LARGEST:,} bytes", 200)
        return bytes(body)

    def _refusal(self, response: Response, body: bytes) -> StreamLost | Refused:
        status = response.status_code
        said = f"{self.base_url}: answered {status}, {body[:_SAID].decode(errors='replace')}"
        if self.key is not None:
            said = said.replace(self.key.secret, "***")
        if will_not_serve(status) or status // 100 == _REDIRECTION:
            return Refused(said, status)
        wait = retry_after(response.headers.get("Retry-After"))
        if status in (TOO_MANY, BANNED):
            wait = wait or _RETRY_AFTER_S
        if wait:
            self.guard.ban(wait)
        return StreamLost(said, wait)


def _query(coins: Sequence[str], currencies: Sequence[str]) -> str:
    return urlencode(
        {
            "ids": ",".join(coins),
            "vs_currencies": ",".join(currencies),
            "include_market_cap": "true",
            "include_24hr_vol": "true",
            "include_24hr_change": "true",
            "include_last_updated_at": "true",
            "precision": "full",
        },
    )
