"""What the venue's other symbols did while one of them was silent."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.day import Elsewhere
from crypto_assets.checks.silences import long_silences
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition

_SYMBOLS = 50
_SILENCES = 20


def elsewhere(lake: Lake, partition: Partition, trades: pl.LazyFrame) -> tuple[Elsewhere, ...]:
    """Look at other symbols during the long silences of one, as far as they have trades around.

    Reads nothing of them where there is no long silence.

    Raises:
        UnreadableInput: the trades themselves cannot be read.
    """
    with readable(f"trades of {partition}"):
        silences = long_silences(trades).found[:_SILENCES]
    if not silences:
        return ()
    others = _others(lake, partition)
    found: list[Elsewhere] = []
    for silence in silences:
        span = (silence.from_us, silence.until_us)
        traded = {name: _traded(rows, span) for name, rows in others.items()}
        known = {name: count for name, count in traded.items() if count is not None}
        found.append(
            Elsewhere(
                span=span,
                silent=tuple(name for name, count in known.items() if not count),
                trading=tuple(name for name, count in known.items() if count),
            ),
        )
    return tuple(found)


def _others(lake: Lake, partition: Partition) -> dict[str, pl.Series]:
    """When other symbols of the venue traded that day, in microseconds, ascending."""
    found: dict[str, pl.Series] = {}
    for instrument in lake.layout.instruments("raw_trades"):
        day = Partition(instrument, partition.date)
        if instrument == partition.instrument or instrument.venue != partition.instrument.venue:
            continue
        if not lake.layout.files("raw_trades", day):
            continue
        try:
            with readable(f"raw_trades of {day}"):
                times = lake.scan("raw_trades", day).select("ts_event").collect()
        except CryptoAssetsError:
            # Another symbol's damaged file is that symbol's matter.
            continue
        found[instrument.symbol] = times["ts_event"].to_physical().sort()
        if len(found) == _SYMBOLS:
            break
    return found


def _traded(times: pl.Series, span: tuple[int, int]) -> int | None:
    """Count the trades within a span; None where there is none before it or none after it."""
    before = int(times.search_sorted(span[0], "right"))
    until = int(times.search_sorted(span[1], "left"))
    return None if before == 0 or until == len(times) else until - before
