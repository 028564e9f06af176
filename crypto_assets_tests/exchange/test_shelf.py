"""The archive's files once they were made."""

from __future__ import annotations

import asyncio
import hashlib

from crypto_assets.exchange import Faults, Market
from crypto_assets.exchange.archive import File, content, published
from crypto_assets.exchange.shelf import Shelf
from crypto_assets.venues import venue

BINANCE = venue("binance")


def zips(market: Market) -> list[File]:
    return [f for f in published(market, market.end_us, Faults()) if not f.is_checksum]


def test_what_the_listing_tells_is_what_is_given(market: Market) -> None:
    async def run() -> None:
        shelf = Shelf(BINANCE)
        for file in published(market, market.end_us, Faults(wrong_checksums=("ETHUSDT",))):
            tape = market.tapes[file.symbol]
            entry, data = await shelf.entry(tape, file), await shelf.content(tape, file)
            assert entry.size == len(data)
            assert entry.etag == f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'

    asyncio.run(run())


def test_no_more_than_its_share_is_kept_and_what_was_let_go_is_the_same_again(
    market: Market,
) -> None:
    async def run() -> None:
        most = 20_000
        shelf = Shelf(BINANCE, most)
        first = {}
        for file in zips(market):
            assert shelf.cost(file) == 1
            first[file] = await shelf.content(market.tapes[file.symbol], file)
            assert shelf.kept_bytes <= max(most, len(first[file]))
        assert sum(map(len, first.values())) > most
        for file, data in first.items():
            assert shelf.cost(file) == 0
            assert await shelf.content(market.tapes[file.symbol], file) == data

    asyncio.run(run())


def test_many_who_ask_at_once_get_one_file(market: Market) -> None:
    async def run() -> None:
        shelf = Shelf(BINANCE)
        file = zips(market)[0]
        tape = market.tapes[file.symbol]
        found = await asyncio.gather(*(shelf.content(tape, file) for _ in range(20)))
        assert len(set(map(id, found))) == 1
        assert found[0] == content(tape, file, BINANCE)

    asyncio.run(run())
