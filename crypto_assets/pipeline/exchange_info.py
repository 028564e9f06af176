"""The venue's own description of its symbols: kept by day, asked for tick sizes and listings."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path

from crypto_assets.checks.day import Rules
from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition, parse_date
from crypto_assets.venues.binance_exchange_info import ExchangeInfo, read_exchange_info

_BREAK = "BREAK"


def keep_exchange_info(lake: Lake, venue: str, data: bytes) -> ExchangeInfo:
    """Keep one ``exchangeInfo`` answer under the day it was given.

    Raises:
        UnreadableInput: it is not such an answer.
    """
    found = read_exchange_info(data)
    atomic.write_bytes(_path(lake, venue, found.date), data)
    return found


def _path(lake: Lake, venue: str, date: dt.date) -> Path:
    return lake.layout.exchange_info(venue) / f"{date.isoformat()}.json"


def _dates(lake: Lake, venue: str) -> list[dt.date]:
    files = lake.layout.exchange_info(venue).glob("????-??-??.json")
    return sorted(parse_date(path.stem) for path in files)


def _read(lake: Lake, venue: str, date: dt.date) -> ExchangeInfo:
    path = _path(lake, venue, date)
    return _read_once(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read_once(path: Path, _changed_ns: int) -> ExchangeInfo:
    return read_exchange_info(path.read_bytes())


def rules_of(lake: Lake, partition: Partition) -> Rules:
    """What the venue accepted for a symbol, by the last answer of the week up to the day.

    Sizes change without notice, so an older answer says nothing.
    """
    venue, symbol = partition.instrument.venue, partition.instrument.symbol
    week = partition.date - dt.timedelta(days=7)
    known = [date for date in _dates(lake, venue) if week < date <= partition.date]
    if not known:
        return Rules()
    found = _read(lake, venue, known[-1]).symbols.get(symbol)
    if found is None:
        return Rules()
    return Rules(
        tick_size=found.tick_size,
        step_size=found.step_size,
        status=found.status if known[-1] == partition.date else None,
    )


def is_gone(lake: Lake, partition: Partition) -> bool:
    """Whether the venue says that a symbol does not trade any more, on a day or later.

    It is absent from the first answer of that day or later, or in BREAK.
    """
    venue, symbol = partition.instrument.venue, partition.instrument.symbol
    known = [date for date in _dates(lake, venue) if date >= partition.date]
    if not known:
        return False
    found = _read(lake, venue, known[0]).symbols.get(symbol)
    return found is None or found.status == _BREAK


def is_not_listed(lake: Lake, partition: Partition) -> bool:
    """Whether the symbol is known not to have existed on a day.

    The venue goes on listing symbols that no longer trade, so one that is absent from an answer
    of that day or later had not been listed by then.
    """
    venue, symbol = partition.instrument.venue, partition.instrument.symbol
    known = [date for date in _dates(lake, venue) if date >= partition.date]
    return bool(known) and symbol not in _read(lake, venue, known[0]).symbols
