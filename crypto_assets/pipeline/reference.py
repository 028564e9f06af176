"""Fetch klines and aggregate trades of a day that goes on, or is not published yet.

What was fetched is an input like any other. It begins where what is stored ends, so that asking
again brings what is new; the published file takes its place when it comes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Range
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.ingest import take

_ROWS_A_PART = 100_000
"""So many rows are taken at once: what is cut short keeps what it has."""


class Rest(Protocol):
    """Who gives what there is of a day by now, in the archive's columns, page by page.

    Raises:
        StreamLost: it cannot answer now, several times in a row.
        Refused: it will not answer this.
    """

    def klines(self, symbol: str, interval: Interval, span: Range) -> Iterator[list[str]]:
        """Give the closed klines that open within a span of microseconds."""
        ...

    def aggregates(
        self,
        symbol: str,
        span: Range,
        first: int | None = None,
    ) -> Iterator[list[str]]:
        """Give the aggregate trades matched within a span, or of it from an id on."""
        ...


def fetch_klines(lake: Lake, day: Partition, interval: Interval, rest: Rest) -> int:
    """Fetch the closed klines of a day behind those that are stored; gives how many.

    Raises:
        StreamLost: the exchange cannot answer now.
        Refused: it will not answer this.
    """
    path = lake.layout.file("klines", day, interval.value)
    stored = lake.file_manifest(path)
    at = day.start_us
    if stored is not None and stored.last_us is not None:
        at = stored.last_us + interval.microseconds
    pages = rest.klines(day.instrument.symbol, interval, (at, day.end_us - 1))
    return _take(lake, day, f"{interval}-rest", pages)


def fetch_aggregates(lake: Lake, day: Partition, rest: Rest) -> int:
    """Fetch the aggregate trades of a day behind those that are stored; gives how many.

    Raises:
        StreamLost: the exchange cannot answer now.
        Refused: it will not answer this.
    """
    stored = lake.summary("agg_trades", day)
    first = None if stored is None or stored.last_id is None else stored.last_id + 1
    span = (day.start_us, day.end_us - 1)
    pages = rest.aggregates(day.instrument.symbol, span, first)
    return _take(lake, day, "aggTrades-rest", pages)


def _take(lake: Lake, day: Partition, kind: str, pages: Iterator[list[str]]) -> int:
    count, lines = 0, list[str]()
    for page in pages:
        lines += page
        if len(lines) >= _ROWS_A_PART:
            count += _taken(lake, day, kind, lines)
            lines = []
    return count + (_taken(lake, day, kind, lines) if lines else 0)


def _taken(lake: Lake, day: Partition, kind: str, lines: Sequence[str]) -> int:
    """Take fetched lines as an input named by the first and the last of them."""
    first, last = (line.partition(",")[0] for line in (lines[0], lines[-1]))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{day.instrument.symbol}-{kind}-{first}-{last}.csv"
        path.write_text("\n".join(lines) + "\n")
        take(lake, path, day.instrument.venue)
    return len(lines)
