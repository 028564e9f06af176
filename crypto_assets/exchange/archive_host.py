"""The archive's host: its listing, and its files whole or in part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from crypto_assets.exchange import archive
from crypto_assets.exchange.desk import Desk
from crypto_assets.exchange.faults import Faults, refusal
from crypto_assets.exchange.market import Market
from crypto_assets.model.interval import SECOND_US
from crypto_assets.venues.venue import Venue

_PARTIAL, _BAD_REQUEST, _NOT_FOUND, _UNSATISFIABLE = 206, 400, 404, 416

Scene = tuple[Market, int, Faults]
"""The market, its time and the switches, as they are."""


class ArchiveHost:
    """What answers for the archive; ``scene`` gives what there is now."""

    def __init__(self, desk: Desk, venue: Venue, scene: Callable[[], Scene]) -> None:
        self._desk = desk
        self._venue = venue
        self._scene = scene
        self._files: dict[archive.File, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        """Give the routes of the listing and of the files."""
        return [
            web.get("/", self._desk.serving("archive", self._list)),
            web.get("/{key:data/.+}", self._desk.serving("archive", self._file)),
        ]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        market, now_us, faults = self._scene()
        refused = refusal(faults, is_rest=False)
        if refused is not None:
            return self._desk.refused(refused)
        query = request.query
        try:
            most = int(query.get("max-keys", archive.MOST_KEYS))
        except ValueError:
            return web.Response(status=_BAD_REQUEST)
        asked = archive.Listing(
            query.get("prefix", ""),
            query.get("delimiter", ""),
            query.get("marker", ""),
            min(max(most, 0), archive.MOST_KEYS),
        )
        chosen, folders, truncated = asked.page(archive.published(market, now_us, faults))
        entries = [
            archive.Entry(file.key, file.published_us, await self._content(market, file))
            for file in chosen
        ]
        body = archive.listing(entries, folders, asked, truncated=truncated)
        return web.Response(body=body, content_type="application/xml")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        market, now_us, faults = self._scene()
        refused = refusal(faults, is_rest=False)
        if refused is not None:
            return self._desk.refused(refused)
        key = request.match_info["key"]
        files = archive.published(market, now_us, faults)
        file = next((file for file in files if file.key == key), None)
        if file is None:
            body = archive.not_found(key)
            return web.Response(body=body, status=_NOT_FOUND, content_type="application/xml")
        content = await self._content(market, file)
        return _download(archive.Entry(key, file.published_us, content), request)

    async def _content(self, market: Market, file: archive.File) -> bytes:
        if file not in self._files:
            tape = market.tapes[file.symbol]
            # A day's file takes a while; the streams go on meanwhile.
            self._files[file] = await asyncio.to_thread(archive.content, tape, file, self._venue)
        return self._files[file]


def _download(entry: archive.Entry, request: web.Request) -> web.Response:
    """Give a file, or the part of it that ``Range`` asks for."""
    headers = {"ETag": entry.etag, "Accept-Ranges": "bytes"}
    body, status, size = entry.content, 200, len(entry.content)
    try:
        wanted = range(size)[request.http_range]
    except ValueError:
        return web.Response(status=_UNSATISFIABLE, headers={"Content-Range": f"bytes */{size}"})
    if "Range" in request.headers:
        if not wanted:
            return web.Response(
                status=_UNSATISFIABLE,
                headers={"Content-Range": f"bytes */{size}"},
            )
        body, status = body[wanted.start : wanted.stop], _PARTIAL
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    response = web.Response(
        body=body,
        status=status,
        headers=headers,
        content_type="binary/octet-stream",
    )
    response.last_modified = entry.modified_us / SECOND_US
    return response
