"""The exchange told what to do over HTTP, and asked what it did: ``/_control``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from aiohttp import web

from crypto_assets.errors import InvalidSettings
from crypto_assets.exchange import rest
from crypto_assets.exchange.counters import Counters
from crypto_assets.exchange.desk import json_response
from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.journal import Request
from crypto_assets.exchange.pace import Pace

_BAD_REQUEST = 400


class Controlled(Protocol):
    """What can be told what to do."""

    @property
    def counters(self) -> Counters:
        """What has happened so far."""

    @property
    def requests(self) -> list[Request]:
        """The last requests of REST and archive."""

    @property
    def faults(self) -> Faults:
        """The switches as they stand."""

    def inject(self, switches: Mapping[str, object]) -> Faults:
        """Set switches by name."""

    def play(self, pace: Pace) -> None:
        """Go on at another pace."""

    def jump(self, to_us: int) -> None:
        """Let it be a later market time."""


class _Jump(msgspec.Struct, forbid_unknown_fields=True):
    to_us: int


def routes(exchange: Controlled, catch_up: Callable[[], None]) -> list[web.RouteDef]:
    """Give the routes of ``/_control``; what cannot be read is answered 400.

    ``catch_up`` lets happen what is due, so that what is told is told as of now.
    """

    async def tell(_: web.Request) -> web.StreamResponse:
        catch_up()
        return json_response(msgspec.json.encode(exchange.counters))

    async def tell_requests(_: web.Request) -> web.StreamResponse:
        return json_response(msgspec.json.encode(exchange.requests))

    async def tell_faults(_: web.Request) -> web.StreamResponse:
        return json_response(msgspec.json.encode(exchange.faults))

    async def take_faults(request: web.Request) -> web.StreamResponse:
        try:
            switches = msgspec.json.decode(await request.read(), type=dict[str, object])
            return json_response(msgspec.json.encode(exchange.inject(switches)))
        except (msgspec.DecodeError, InvalidSettings) as error:
            return _unread(error)

    async def take_pace(request: web.Request) -> web.StreamResponse:
        try:
            pace = msgspec.json.decode(await request.read(), type=Pace)
        except msgspec.DecodeError as error:
            return _unread(error)
        exchange.play(pace)
        return json_response(msgspec.json.encode(pace))

    async def take_jump(request: web.Request) -> web.StreamResponse:
        try:
            exchange.jump(msgspec.json.decode(await request.read(), type=_Jump).to_us)
        except msgspec.DecodeError as error:
            return _unread(error)
        return await tell(request)

    return [
        web.get("/_control", tell),
        web.get("/_control/requests", tell_requests),
        web.get("/_control/faults", tell_faults),
        web.post("/_control/faults", take_faults),
        web.post("/_control/pace", take_pace),
        web.post("/_control/jump", take_jump),
    ]


def _unread(error: Exception) -> web.Response:
    return json_response(rest.error_body(-1, str(error)), _BAD_REQUEST)
