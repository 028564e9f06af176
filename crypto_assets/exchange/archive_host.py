"""The archive's host: its listing, and its files, whole or in part."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

from aiohttp import web

from crypto_assets.exchange import archive
from crypto_assets.exchange.archive import Entry
from crypto_assets.exchange.desk import SENT, Desk, Handler
from crypto_assets.exchange.faults import Faults, archive_refusal, cut
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.shelf import Shelf
from crypto_assets.model.interval import SECOND_US
from crypto_assets.venues.venue import Venue

HOST = "archive"
_PARTIAL, _BAD_REQUEST, _NOT_FOUND, _UNSATISFIABLE = 206, 400, 404, 416
_CHUNK = 1 << 16
_CHUNKS_PER_S = 50

Scene = tuple[Market, int, Faults]
"""The market, its time and the switches, as they are."""


class ArchiveHost:
    """What answers for the archive; ``scene`` gives what there is now."""

    def __init__(self, desk: Desk, venue: Venue, scene: Callable[[], Scene]) -> None:
        self._desk = desk
        self._scene = scene
        self._shelf = Shelf(venue)

    def routes(self) -> list[web.RouteDef]:
        """Give the routes of the listing and of the files."""
        return [
            web.get("/", self._open(self._list)),
            web.get("/{key:data/.+}", self._open(self._file)),
        ]

    def _open(self, handler: Handler) -> Handler:
        """Give the handler that refuses where it shall."""

        async def answer(request: web.Request) -> web.StreamResponse:
            _, _, faults = self._scene()
            refused = archive_refusal(faults)
            return await handler(request) if refused is None else self._desk.refused(refused)

        return self._desk.serving(HOST, answer)

    async def _list(self, request: web.Request) -> web.StreamResponse:
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
        market, now_us, faults = self._scene()
        files = archive.published(market, now_us, faults, asked.prefix)
        chosen, folders, truncated = asked.page(files)
        entries = await asyncio.gather(
            *(self._shelf.entry(market.tapes[file.symbol], file) for file in chosen),
        )
        body = archive.listing(entries, folders, asked, truncated=truncated)
        return web.Response(body=body, content_type="application/xml")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        market, now_us, faults = self._scene()
        found = archive.published(market, now_us, faults, prefix=key)
        file = next((file for file in found if file.key == key), None)
        if file is None:
            body = archive.not_found(key)
            return web.Response(body=body, status=_NOT_FOUND, content_type="application/xml")
        tape = market.tapes[file.symbol]
        entry = await self._shelf.entry(tape, file)
        return await self._download(request, entry, await self._shelf.content(tape, file))

    async def _download(
        self,
        request: web.Request,
        entry: Entry,
        content: bytes,
    ) -> web.StreamResponse:
        """Give a file, or the part that ``Range`` asks for, if ``If-Range`` is still what it is."""
        headers = {"ETag": entry.etag, "Accept-Ranges": "bytes"}
        body, status = memoryview(content), 200
        if "Range" in request.headers and _is_unchanged(request, entry):
            try:
                wanted = range(entry.size)[request.http_range]
            except ValueError:
                wanted = range(0)
            if not wanted:
                headers = {"Content-Range": f"bytes */{entry.size}"}
                return web.Response(status=_UNSATISFIABLE, headers=headers)
            body, status = body[wanted.start : wanted.stop], _PARTIAL
            headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{entry.size}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_type = "binary/octet-stream"
        response.content_length = len(body)
        response.last_modified = entry.modified_us / SECOND_US
        response[SENT] = 0
        if request.method != "HEAD":
            await self._send(request, response, body)
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        body: memoryview,
    ) -> None:
        """Send a body; what is left out is noted, and so is what the other side did not take."""
        _, _, faults = self._scene()
        until = cut(faults, len(body))
        whole = len(body) if until is None else until
        try:
            writer = await response.prepare(request)
            while response[SENT] < whole:
                rate = faults.archive_bytes_per_s
                size = _CHUNK if rate is None else min(max(int(rate / _CHUNKS_PER_S), 1), _CHUNK)
                chunk = body[response[SENT] : min(response[SENT] + size, whole)]
                await response.write(chunk)
                response[SENT] += len(chunk)
                if rate is not None:
                    await asyncio.sleep(len(chunk) / rate)
            if until is not None and writer is not None and request.transport is not None:
                # What was written shall arrive: aborting throws away what waits in the buffer.
                request.transport.set_write_buffer_limits(high=0)
                await writer.drain()
                request.transport.abort()
        except ConnectionError:
            return


def _is_unchanged(request: web.Request, entry: Entry) -> bool:
    """Say whether a part fits to what was sent before; source: RFC 9110, "If-Range"."""
    told = request.headers.get("If-Range")
    modified = dt.datetime.fromtimestamp(entry.modified_us // SECOND_US, dt.UTC)
    return told is None or told == entry.etag or request.if_range == modified
