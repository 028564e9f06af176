"""Heal a day: fetch exactly the trade ids that are missing, as one more part."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from crypto_assets.errors import Transient
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.edges import neighbour
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of

_TRIES = 5
_LINES_A_PART = 100_000
"""So many fetched trades are taken at once: a long heal that is cut short keeps what it has."""


class History(Protocol):
    """Where old trades can be asked for by id."""

    def lines(self, symbol: str, first: int, count: int) -> list[str]:
        """Give trades from an id on, as lines of the archive's columns, ascending by id.

        At most ``count`` of them; an answer may hold fewer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Healed:
    """What came of healing a day."""

    asked: tuple[Range, ...]
    """The ids that were missing."""
    left: tuple[Range, ...]
    """The ids the exchange did not give."""

    @property
    def count(self) -> int:
        """How many ids were fetched."""
        return len(Coverage.of(self.asked)) - len(Coverage.of(self.left))


def missing_of(lake: Lake, partition: Partition) -> tuple[Range, ...]:
    """The ids a day is known to lack: its holes, and the hole between the day before and it."""
    day = status_of(lake, partition)
    ranges = list(day.missing)
    before = neighbour(lake, partition.previous)
    if before and day.first_trade_id is not None and before.last_id + 1 < day.first_trade_id:
        ranges.append((before.last_id + 1, day.first_trade_id - 1))
    return Coverage.of(ranges).ranges


def heal(
    lake: Lake,
    partition: Partition,
    history: History,
    sleep: Callable[[float], None],
    progress: Callable[[int], None] = lambda _: None,
) -> Healed:
    """Fetch the missing ids of a day and take them into the lake, each stretch as an input.

    Only ids that are missing are kept, so healing twice changes nothing. An answer that ends
    before the ids asked for is asked for again: the exchange's database lags its stream. Trades
    land on the day they were matched on, whichever day was healed.

    Raises:
        Refused: the exchange will not give them.
        StreamLost: it cannot answer, several times in a row.
    """
    asked = missing_of(lake, partition)
    left = Coverage.of(asked)
    for wanted in asked:
        lines: list[str] = []
        for page in _pages(history, partition.instrument.symbol, wanted, sleep):
            lines.extend(page)
            progress(len(page))
            if len(lines) >= _LINES_A_PART:
                left -= _take(lake, partition, lines)
                lines = []
        if lines:
            left -= _take(lake, partition, lines)
    return Healed(asked, left.ranges)


def _pages(
    history: History,
    symbol: str,
    wanted: Range,
    sleep: Callable[[float], None],
) -> Iterator[list[str]]:
    """Give the lines of a range page by page; gives up where nothing more comes."""
    at, last = wanted
    tries = 0
    while at <= last:
        try:
            answer = history.lines(symbol, at, last - at + 1)
        except Transient:
            tries += 1
            if tries >= _TRIES:
                raise
            sleep(2.0**tries)
            continue
        ids = [_id(line) for line in answer]
        page = [line for line, trade_id in zip(answer, ids, strict=True) if at <= trade_id <= last]
        if ids and max(ids) >= at:
            tries = 0
            at = max(ids) + 1
            yield page
            continue
        tries += 1
        if tries >= _TRIES:
            return
        sleep(2.0**tries)


def _take(lake: Lake, partition: Partition, lines: list[str]) -> Coverage:
    """Take fetched trades into the lake as an input of their own; gives their ids."""
    ids = [_id(line) for line in lines]
    name = f"{partition.instrument.symbol}-rest-{ids[0]}-{ids[-1]}.csv"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_text("\n".join(lines) + "\n")
        take(lake, path, partition.instrument.venue)
    return Coverage.of_ids(pl.Series(ids))


def _id(line: str) -> int:
    return int(line.split(",", 1)[0])
