"""Trades that are asked for by id, page by page, and kept as inputs of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.pipeline.ingest import Taken, take


class ById(Protocol):
    """Where old trades can be asked for by id."""

    def lines(self, symbol: str, first: int, count: int) -> list[str]:
        """Give trades from an id on, as lines of the archive's columns, ascending by id.

        At most ``count`` of them; an answer may hold fewer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, cut to the ids that were asked for."""

    lines: list[str]
    denied: Coverage
    """Ids that the exchange gave what lies around of, and not them."""


def pages(
    history: ById,
    symbol: str,
    wanted: Range,
    tries: int,
    sleep: Callable[[float], None],
) -> Iterator[Page]:
    """Give the trades of a range of ids page by page; gives up where nothing more comes.

    An answer that ends before the ids asked for is asked for again, ``tries`` times in all: the
    exchange's database lags its stream.

    Raises:
        Refused: the exchange does not serve trades by id.
        StreamLost: it cannot answer now.
    """
    at, last = wanted
    vain = 0
    while at <= last:
        answer = history.lines(symbol, at, last - at + 1)
        ids = [_id(line) for line in answer]
        if ids and max(ids) >= at:
            vain = 0
            given = Coverage.of((found, found) for found in ids)
            denied = Coverage.of([(at, min(max(ids), last))]) - given
            at = max(ids) + 1
            numbered = zip(answer, ids, strict=True)
            yield Page([line for line, found in numbered if wanted[0] <= found <= last], denied)
            continue
        vain += 1
        if vain >= tries:
            return
        sleep(2.0**vain)


def stretches(found: Iterable[Page], size: int) -> Iterator[list[str]]:
    """Put the lines of pages together until they are so many: an input has one page or many."""
    lines: list[str] = []
    for page in found:
        lines.extend(page.lines)
        if len(lines) >= size:
            yield lines
            lines = []
    if lines:
        yield lines


def take_trades(lake: Lake, instrument: Instrument, lines: Sequence[str]) -> Taken:
    """Take fetched trades, ascending by id, into the lake as an input of their own."""
    name = f"{instrument.symbol}-rest-{_id(lines[0])}-{_id(lines[-1])}.csv"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_text("\n".join(lines) + "\n")
        return take(lake, path, instrument.venue)


def _id(line: str) -> int:
    return int(line.split(",", 1)[0])
