"""What the hosts of the exchange share: how they refuse, how long they take, what they count."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from crypto_assets.exchange import rest
from crypto_assets.exchange.faults import Faults

_REASONS = {
    429: (-1003, "Too many requests; current limit is exceeded."),
    418: (-1003, "Way too much request weight used; IP banned."),
    451: (0, "Service unavailable from a restricted location."),
    403: (-1, "Forbidden."),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """Where every request of a host comes by; ``faults`` gives the switches as they stand."""

    def __init__(self, faults: Callable[[], Faults]) -> None:
        self.requests: Counter[str] = Counter()
        """Requests by path, or by host where a route has none."""
        self.statuses: Counter[int] = Counter()
        """Their answers."""
        self._faults = faults

    def serving(self, host: str, handler: Handler) -> Handler:
        """Give the handler of a host's route that is counted, and slow where it shall be."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self.requests[request.match_info.get("path", host)] += 1
            if self._faults().slow_answer_s:
                await asyncio.sleep(self._faults().slow_answer_s)
            response = await handler(request)
            self.statuses[response.status] += 1
            return response

        return serve

    def refused(
        self,
        status: int,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """Refuse a request, with ``Retry-After`` on 418 and 429: the switch's where none is given.

        Source: the exchange's REST documentation, "IP Limits".
        """
        code, text = _REASONS.get(status, (-1000, "An unknown error occurred."))
        after = self._faults().retry_after_s if retry_after_s is None else retry_after_s
        told = {"Retry-After": str(after)} if status in (418, 429) else {}
        return json_response(rest.error_body(code, text), status, {**(headers or {}), **told})


def json_response(
    body: bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with JSON that is written already."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
