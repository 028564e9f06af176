"""What the hosts of the exchange share: how they refuse, how long they take, what they count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from crypto_assets.exchange import rest
from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.journal import Journal, Request

_REASONS = {
    429: (-1003, "Too many requests; current limit is exceeded."),
    418: (-1003, "Way too much request weight used; IP banned."),
    451: (0, "Service unavailable from a restricted location."),
    403: (-1, "Forbidden."),
}

_WAIT = (418, 429)
# Turns of the loop after which whatever has come in by now, by a new connection too, was seen.
_TURNS = 10

SENT = web.ResponseKey("sent", int)
"""How many bytes of its body a handler sent that sends it itself."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """Where every request of a host comes by; ``faults`` gives the switches as they stand."""

    def __init__(self, faults: Callable[[], Faults]) -> None:
        self.journal = Journal()
        self._faults = faults

    def serving(self, host: str, handler: Handler) -> Handler:
        """Give the handler of a host's route: counted, logged, and slow where it shall be.

        Requests are counted by the route's ``path``, or by host where it has none. Whoever is told
        to wait is held to it per host and address.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            now, at_s, address = self._now, time.time(), request.remote or ""
            self.journal.arrived(host, address, now)
            self.journal.paths[request.match_info.get("path", host)] += 1
            if self._faults().slow_answer_s:
                await asyncio.sleep(self._faults().slow_answer_s)
            response = await handler(request)
            wait_s = response.headers.get("Retry-After")
            if response.status in _WAIT and wait_s is not None:
                # A request that came in before this answer goes out was not told to wait.
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                self.journal.told_to_wait(host, address, self._now + int(wait_s))
            self.journal.answered(
                Request(at_s, request.path_qs, response.status, _size(request, response)),
            )
            return response

        return serve

    def refused(
        self,
        status: int,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> web.Response:
        """Refuse a request, with ``Retry-After`` on 418 and 429: the switch's where none is given.

        ``body`` is the answer in another exchange's words. Source: the exchange's REST
        documentation, "IP Limits".
        """
        code, text = _REASONS.get(status, (-1000, "An unknown error occurred."))
        after = self._faults().retry_after_s if retry_after_s is None else retry_after_s
        told = {"Retry-After": str(after)} if status in _WAIT else {}
        body = rest.error_body(code, text) if body is None else body
        return json_response(body, status, {**(headers or {}), **told})

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def json_response(
    body: bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with JSON that is written already."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _size(request: web.Request, response: web.StreamResponse) -> int:
    """Say how many bytes of body were sent, or are about to be."""
    if not isinstance(response, web.Response):
        return response[SENT]
    body = response.body if request.method != "HEAD" else None
    return len(body) if isinstance(body, bytes) else 0
