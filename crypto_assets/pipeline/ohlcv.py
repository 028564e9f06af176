"""Days of bars from any exchange: ask page by page, keep what is finished, commit a file a day.

A day that was over when it was asked for and lacks no bar is left alone. Any other is asked for
again each time: bars that are there only now are added, what the exchange no longer gives stays.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar, TypeVarTuple

from crypto_assets.checks.day import Day
from crypto_assets.checks.evaluate import evaluate
from crypto_assets.errors import (
    CryptoAssetsError,
    InvalidName,
    NothingStored,
    StreamLost,
    UnreadableInput,
)
from crypto_assets.lake.draft import Draft, readable, scan_files
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US, length_of
from crypto_assets.model.listing import Listing
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.verdicts import failure
from crypto_assets.transforms.ohlcv import frame_of, merged
from crypto_assets.transforms.ohlcv_pages import Ask, Pages, Row

ASSET = "ohlcv"
LISTING, UNTIL = "listing", "until_us"
"""What a file's manifest names among its parents: the unified symbol, and the end of what is
finished in it."""
_TRIES = 5
_LONGEST_WAIT_S = 120.0
_T = TypeVar("_T")
_Given = TypeVarTuple("_Given")


class Exchanges(Protocol):
    """What answers for exchanges: see :class:`crypto_assets.sources.ohlcv.Bars`."""

    async def passed_us(self, exchange: str, at_least: int) -> int:
        """Say an instant that the exchange's clock has passed."""
        ...

    async def limit(self, listing: Listing, interval: str) -> int:
        """Say how many bars a page may hold."""
        ...

    async def page(self, listing: Listing, interval: str, ask: Ask) -> list[Row]:
        """Ask for one page."""
        ...


Open = Callable[[Sequence[Listing]], AbstractAsyncContextManager[Exchanges]]
"""Open the door to the exchanges of some listings."""


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """The bars of one interval of a listing's day."""

    listing: Listing
    date: dt.date
    interval: str

    @property
    def partition(self) -> Partition:
        """Where they lie."""
        return Partition(self.listing.instrument, self.date)

    def __str__(self) -> str:
        return f"{self.listing} {self.date.isoformat()} {self.interval}"


Outcome = Committed | CryptoAssetsError
Told = Callable[[Wanted, Outcome], None]
"""Told of each once it is stored, or why it is not."""


def wanted(
    listings: Iterable[Listing],
    dates: Iterable[dt.date],
    intervals: Iterable[str],
) -> list[Wanted]:
    """Name every day and interval of some listings, in order.

    Raises:
        InvalidName: an interval does not divide a day.
    """
    lengths = {interval: length_of(interval) for interval in intervals}
    days = sorted(set(dates))
    return [
        Wanted(listing, date, interval)
        for listing in sorted(set(listings))
        for date in days
        for interval in sorted(lengths, key=lambda name: lengths[name])
    ]


def fetch(
    lake: Lake,
    asked: Sequence[Wanted],
    open_door: Open,
    *,
    at_once: int = 8,
    again: bool = False,
    told: Told = lambda _wanted, _outcome: None,
) -> dict[Wanted, Outcome]:
    """Fetch and store days of bars, ``at_once`` of each exchange and all exchanges together.

    One that fails fails alone: its error stands in its place. ``again`` fetches what is whole anew
    and keeps nothing of what is stored.
    """

    async def run() -> dict[Wanted, Outcome]:
        turns = {one.listing.exchange: asyncio.Semaphore(at_once) for one in asked}
        async with open_door(sorted({one.listing for one in asked})) as door:

            async def outcome(one: Wanted) -> Outcome:
                async with turns[one.listing.exchange]:
                    try:
                        found: Outcome = await _day(lake, one, door, again=again)
                    except CryptoAssetsError as error:
                        found = error
                told(one, found)
                return found

            found = await asyncio.gather(*map(outcome, asked))
        return dict(zip(asked, found, strict=True))

    return asyncio.run(run())


async def _day(lake: Lake, one: Wanted, door: Exchanges, *, again: bool) -> Committed:
    day, length = one.partition, length_of(one.interval)
    try:
        stored = _stored(lake, one)
    except UnreadableInput:
        if not again:
            raise
        stored = None
    if stored is not None and not again and _is_whole(stored.manifest, day, length):
        return stored
    passed = await _patiently(door.passed_us, one.listing.exchange, day.end_us)
    until = min(day.end_us, passed // length * length)
    if until <= day.start_us:
        raise NothingStored(f"{one}: no bar of that day is finished yet")
    limit = await _patiently(door.limit, one.listing, one.interval)
    pages = Pages(day.start_us, until, length, limit)
    while (ask := pages.next()) is not None:
        pages.take(ask, await _patiently(door.page, one.listing, one.interval, ask))
    # The loop goes on asking for other days while this one is written.
    return await asyncio.to_thread(_commit, lake, one, pages.rows, until, None if again else stored)


def _stored(lake: Lake, one: Wanted) -> Committed | None:
    """Describe what is stored.

    Raises:
        InvalidName: it is of another listing of the same name.
    """
    path = lake.layout.file(ASSET, one.partition, one.interval)
    for found in lake.stored(ASSET, one.partition):
        if found.path == path:
            of = found.manifest.parents[LISTING]
            if of != str(one.listing):
                raise InvalidName(f"{one}: its place in the lake is taken by {of}")
            return found
    return None


def _is_whole(manifest: Manifest, day: Partition, length: int) -> bool:
    return int(manifest.parents[UNTIL]) == day.end_us and manifest.rows == DAY_US // length


def _commit(
    lake: Lake,
    one: Wanted,
    rows: Sequence[Row],
    until: int,
    stored: Committed | None,
) -> Committed:
    frame = frame_of(rows, one.interval)
    if stored is not None:
        with readable(str(stored.path)):
            frame = merged(frame, scan_files([stored.path]).collect())
        until = max(until, int(stored.manifest.parents[UNTIL]))
    if frame.is_empty():
        raise NothingStored(f"{one}: the exchange gives no bar of that day")
    parents = {LISTING: str(one.listing), UNTIL: str(until)}
    draft = Draft(rows=[frame], name=one.interval, parents=parents)
    return lake.commit(ASSET, one.partition, draft)


async def _patiently(ask: Callable[[*_Given], Awaitable[_T]], *given: *_Given) -> _T:
    """Ask again after a while where the exchange could not answer, some times."""
    tried = 0
    while True:
        try:
            return await ask(*given)
        except StreamLost as error:
            tried += 1
            if tried == _TRIES or error.retry_after > _LONGEST_WAIT_S:
                raise
            await asyncio.sleep(max(error.retry_after, tried))


def known_listings(lake: Lake) -> list[Listing]:
    """Every listing the lake has bars of, by one file of each."""
    found: dict[Instrument, Listing] = {}
    for partition in lake.layout.partitions(ASSET):
        if partition.instrument not in found:
            (part, *_) = lake.parts(ASSET, partition)
            found[partition.instrument] = Listing.parse(part.manifest.parents[LISTING])
    return sorted(found.values())


def judge(lake: Lake, partition: Partition) -> tuple[Verdict, ...]:
    """Judge a stored day by every check about it.

    The table ``verdicts`` is about days of trades: these answers are told and not kept, and can be
    had again at any time. A damaged file is a verdict too.
    """
    try:
        until = {
            part.path.stem: int(part.manifest.parents[UNTIL])
            for part in lake.parts(ASSET, partition)
        }
        bars = lake.scan(ASSET, partition) if until else None
    except UnreadableInput as error:
        return (failure(ASSET, error),)
    return evaluate(ASSET, Day(partition=partition, ohlcv=bars, ohlcv_until=until))
