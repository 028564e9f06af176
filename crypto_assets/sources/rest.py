"""Binance's REST interface through its own connector: one answer, or why there is none."""

from __future__ import annotations

import http
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.budget import Allowance, Budget
from crypto_assets.sources.guard import Guard
from crypto_assets.sources.refusal import BANNED, TOO_MANY, retry_after, will_not_serve

if TYPE_CHECKING:
    from binance.spot import Spot
    from requests import Response

_TIMEOUT_S = 10
_RETRY_AFTER_S = 60.0
"""Where a refusal does not say how long."""
_USED = "X-MBX-USED-WEIGHT-1M"
_SAID = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exchange said."""

    data: Any
    """The JSON, decoded."""
    body: bytes
    """The bytes as they came."""


@dataclass(slots=True)
class Rest:
    """One host's public endpoints; times in microseconds, no key.

    A server error or a lost connection is tried again after 1, 2, 4, 8, 10 s; a refusal for asking
    too much is waited out as the server says, by every process that shares the budget.
    """

    base_url: str
    budget: Allowance = field(default_factory=Budget)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.base_url, self.budget, self.sleep, self.now)

    def ask(self, weight: int, what: Callable[[Spot], Any]) -> Answer:
        """Ask one question of a weight, in its turn.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
        """
        return self.guard.ask(weight, lambda: self._send(what))

    def _send(self, what: Callable[[Spot], Any]) -> Answer:
        import requests
        from binance.spot import Spot

        spot = Spot(base_url=self.base_url, timeout=_TIMEOUT_S, time_unit="MICROSECOND")
        came: list[Response] = []

        def look(response: Response, *_: object, **__: object) -> None:
            # The connector hands on neither the bytes nor, of a server error, the headers.
            if response.status_code >= http.HTTPStatus.BAD_REQUEST:
                raise self._refusal(response)
            came.append(response)

        spot.session.hooks["response"].append(look)
        try:
            data = what(spot)
        except requests.RequestException as error:
            raise StreamLost(f"{self.base_url}: {error}") from error
        finally:
            spot.session.close()
        if not isinstance(data, dict | list):
            raise StreamLost(f"{self.base_url}: expected JSON, found {str(data)[:_SAID]!r}")
        used = came[-1].headers.get(_USED, "")
        if used.isascii() and used.isdigit():
            self.guard.tell(int(used))
        return Answer(data, came[-1].content)

    def _refusal(self, response: Response) -> StreamLost | Refused:
        status = response.status_code
        said = f"{self.base_url}: answered {status}, {response.text[:_SAID]}"
        if will_not_serve(status):
            return Refused(said, status)
        wait = retry_after(response.headers.get("Retry-After"))
        if status in (TOO_MANY, BANNED):
            wait = wait or _RETRY_AFTER_S
        if wait:
            self.guard.ban(wait)
        return StreamLost(said, wait)
