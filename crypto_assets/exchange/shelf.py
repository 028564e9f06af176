"""The archive's files once they were made: the sums of all, the bytes of those last used."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from crypto_assets.exchange import archive
from crypto_assets.exchange.archive import Entry, File
from crypto_assets.exchange.tape import Tape
from crypto_assets.venues.venue import Venue

SHELF_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class _Sums:
    """What is told of a zip."""

    size: int
    md5: str
    sha256: str


class Shelf:
    """Zips made when they are first asked for, each by one thread at a time.

    At most ``most_bytes`` of them are kept, and always the last; one that was let go is made again
    with the same bytes. Sizes and checksums are kept of all.
    """

    def __init__(self, venue: Venue, most_bytes: int = SHELF_BYTES) -> None:
        self._venue = venue
        self._most_bytes = most_bytes
        self._zips: OrderedDict[File, bytes] = OrderedDict()
        self._sums: dict[File, _Sums] = {}
        self._under_way: dict[File, asyncio.Task[bytes]] = {}

    @property
    def kept_bytes(self) -> int:
        """How many bytes of zips are kept."""
        return sum(map(len, self._zips.values()))

    async def content(self, tape: Tape, file: File) -> bytes:
        """Give the bytes of a file, a zip or a checksum."""
        if file.is_checksum:
            return archive.checksum(file, (await self._summed(tape, file.of)).sha256)
        return await self._zip(tape, file.of)

    async def entry(self, tape: Tape, file: File) -> Entry:
        """Say what the listing tells of a file."""
        if file.is_checksum:
            data = await self.content(tape, file)
            size, md5 = len(data), hashlib.md5(data, usedforsecurity=False).hexdigest()
        else:
            sums = await self._summed(tape, file.of)
            size, md5 = sums.size, sums.md5
        return Entry(file.key, file.published_us, size, f'"{md5}"')

    async def _summed(self, tape: Tape, file: File) -> _Sums:
        if file not in self._sums:
            await self._zip(tape, file)
        return self._sums[file]

    async def _zip(self, tape: Tape, file: File) -> bytes:
        if file in self._zips:
            self._zips.move_to_end(file)
            return self._zips[file]
        if file not in self._under_way:
            making = asyncio.get_running_loop().create_task(self._make(tape, file))
            self._under_way[file] = making
            making.add_done_callback(lambda _: self._under_way.pop(file))
        return await self._under_way[file]

    async def _make(self, tape: Tape, file: File) -> bytes:
        # A file takes a while; the streams go on meanwhile.
        data, sums = await asyncio.to_thread(_made, tape, file, self._venue)
        self._sums[file] = sums
        self._zips[file] = data
        kept = self.kept_bytes
        while kept > self._most_bytes and len(self._zips) > 1:
            kept -= len(self._zips.popitem(last=False)[1])
        return data


def _made(tape: Tape, file: File, venue: Venue) -> tuple[bytes, _Sums]:
    data = archive.zipped(tape, file, venue)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return data, _Sums(len(data), md5, hashlib.sha256(data).hexdigest())
