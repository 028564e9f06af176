"""The venue's own description of its symbols: kept by day, asked for tick sizes and listings."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from decimal import Decimal
from pathlib import Path

import polars as pl

from crypto_assets.checks.day import Rules
from crypto_assets.errors import NothingStored, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import Draft, Spool, read_back
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition, parse_date
from crypto_assets.model.tables import LISTINGS
from crypto_assets.venues.binance_exchange_info import ExchangeInfo, is_whole, read_exchange_info

_BREAK = "BREAK"


def keep_exchange_info(lake: Lake, venue: str, data: bytes) -> ExchangeInfo:
    """Keep one ``exchangeInfo`` answer under the day it was given, and the table it makes.

    Of several answers of a day the latest stays, unless it says the same as the one before.

    Raises:
        UnreadableInput: it is not such an answer.
    """
    found = read_exchange_info(data)
    path = _path(lake, venue, found.date)
    with atomic.locked(path.parent):
        known = None
        with contextlib.suppress(UnreadableInput):
            known = read(lake, venue, found.date)
        if known is None or (found.at_us >= known.at_us and found.symbols != known.symbols):
            atomic.write_bytes(path, data)
        commit_listings(lake, venue, found.date)
    return found


def commit_listings(lake: Lake, venue: str, date: dt.date) -> Path:
    """Make the table of what the venue listed on a day of the answer that is kept.

    Raises:
        NothingStored: no answer of that day is kept.
        UnreadableInput: what is kept is no such answer.
    """
    found = read(lake, venue, date)
    if found is None:
        raise NothingStored(
            f"exchange_info of {venue} {date}: the exchange tells of today only, and no answer of "
            "that day is kept; import one, if there is any",
        )
    target = lake.layout.listings(venue, date)
    with atomic.replacing(target) as temporary:
        spool = Spool(temporary, LISTINGS, f"listings of {venue} {date}")
        spool.add([_listings(found)])
        manifest = spool.close(venue, "", date.isoformat(), Draft(rows=[]))
        read_back(temporary, LISTINGS, manifest)
        if target.exists() and sha256_of(target) == sha256_of(temporary):
            temporary.unlink()
    return target


def _listings(found: ExchangeInfo) -> pl.DataFrame:
    """Put an answer into the table's columns; a size that has no place in it is left out."""
    rows = [
        {
            "symbol": symbol,
            "status": listing.status,
            "base": listing.base,
            "quote": listing.quote,
            "tick_size": _usable(listing.tick_size),
            "step_size": _usable(listing.step_size),
            "min_notional": _usable(listing.min_notional),
        }
        for symbol, listing in sorted(found.symbols.items())
    ]
    return pl.DataFrame(rows, schema=LISTINGS.schema)


def _path(lake: Lake, venue: str, date: dt.date) -> Path:
    return lake.layout.exchange_info(venue) / f"{date.isoformat()}.json"


def dates(lake: Lake, venue: str) -> list[dt.date]:
    """The days of which an answer is kept, ascending."""
    files = lake.layout.exchange_info(venue).glob("????-??-??.json")
    return sorted(parse_date(path.stem) for path in files)


def read(lake: Lake, venue: str, date: dt.date) -> ExchangeInfo | None:
    """Read the answer that is kept of a day, None where there is none.

    Raises:
        UnreadableInput: what is kept is no such answer.
    """
    path = _path(lake, venue, date)
    if not path.exists():
        return None
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
    known = [date for date in dates(lake, venue) if week < date <= partition.date]
    if not known:
        return Rules()
    answer = read(lake, venue, known[-1])
    found = answer and answer.symbols.get(symbol)
    if not found:
        return Rules()
    return Rules(
        tick_size=_usable(found.tick_size),
        step_size=_usable(found.step_size),
        status=found.status if known[-1] == partition.date else None,
    )


def _usable(size: Decimal | None) -> Decimal | None:
    """Leave a size out that nothing can be a multiple of; a check of the answer tells of it."""
    return size if size is not None and is_whole(size) else None


def is_gone(lake: Lake, partition: Partition) -> bool:
    """Whether the venue says that a symbol does not trade any more, on a day or later.

    It is absent from the first answer of that day or later, or in BREAK.
    """
    venue, symbol = partition.instrument.venue, partition.instrument.symbol
    known = [date for date in dates(lake, venue) if date >= partition.date]
    answer = read(lake, venue, known[0]) if known else None
    if answer is None:
        return False
    found = answer.symbols.get(symbol)
    return found is None or found.status == _BREAK


def is_not_listed(lake: Lake, partition: Partition) -> bool:
    """Whether the symbol is known not to have existed on a day.

    The venue goes on listing symbols that no longer trade, so one that is absent from an answer
    of that day or later had not been listed by then.
    """
    venue, symbol = partition.instrument.venue, partition.instrument.symbol
    known = [date for date in dates(lake, venue) if date >= partition.date]
    answer = read(lake, venue, known[0]) if known else None
    return answer is not None and symbol not in answer.symbols
