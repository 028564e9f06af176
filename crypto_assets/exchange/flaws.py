"""What the switches make of one file of the archive.

An entry of a switch means files by a symbol (``BTCUSDT``: all its files), by a symbol and a date
(``BTCUSDT-2024-08-09``: all files of that day; ``BTCUSDT-2024-08``: all files of that month) or by
a file's name without its suffix (``BTCUSDT-trades-2024-08-09``, ``BTCUSDT-1s-2024-08``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crypto_assets.exchange.faults import Faults

Spans = tuple[tuple[int, int], ...]
"""Ranges of trade ids, both ends inside."""


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong with a file, as long as it is not published anew."""

    missing: Spans = ()
    altered: Spans = ()
    added: tuple[int, ...] = ()
    is_truncated: bool = False
    has_wrong_checksum: bool = False


FLAWLESS = Flaws()


def means(entry: str, symbol: str, kind: str, date: str) -> bool:
    """Say whether an entry of a switch means a file of a symbol, a kind and a day or month."""
    return entry in (symbol, f"{symbol}-{date}", f"{symbol}-{kind}-{date}")


def is_meant(entries: Iterable[str], symbol: str, kind: str, date: str) -> bool:
    """Say whether any entry means a file."""
    return any(means(entry, symbol, kind, date) for entry in entries)


def flaws(faults: Faults, symbol: str, kind: str, date: str) -> Flaws:
    """Find what is wrong with a file."""

    def found(switch: Mapping[str, Iterable[tuple[int, int]]]) -> Spans:
        return tuple(
            (first, last)
            for entry, ranges in switch.items()
            if means(entry, symbol, kind, date)
            for first, last in ranges
        )

    return Flaws(
        missing=found(faults.archive_missing) if kind in ("trades", "aggTrades") else (),
        altered=found(faults.archive_altered) if kind == "trades" else (),
        added=tuple(
            trade_id
            for first, last in (found(faults.archive_added) if kind == "trades" else ())
            for trade_id in range(first, last + 1)
        ),
        is_truncated=is_meant(faults.archive_truncated, symbol, kind, date),
        has_wrong_checksum=is_meant(faults.wrong_checksums, symbol, kind, date),
    )
