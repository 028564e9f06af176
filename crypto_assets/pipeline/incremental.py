"""Fetch the trades that are newer than those stored, by id, until the exchange has no newer one.

What is stored is the only memory of how far it came: a run that is killed anywhere left whole
inputs or nothing, and the next one goes on behind the last id that is there.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from crypto_assets.errors import Transient
from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.fold import fold
from crypto_assets.pipeline.pages import ById, Page, pages, stretches, take_trades
from crypto_assets.pipeline.segments import touched

_LINES_A_PART = 20_000
"""So many trades are taken at once: some ten seconds of asking, that a kill may cost."""
_ONCE = 1
"""What the database does not have yet is asked for by the next run."""


class Newest(ById, Protocol):
    """Where trades can be asked for by id, and which ids there are."""

    def first_id(self, symbol: str, since_us: int) -> int | None:
        """Find the first trade matched at an instant or later, None where there is none yet."""
        ...

    def server_time_us(self) -> int:
        """Ask the exchange's clock, in microseconds since 1970."""
        ...

    def newest_id(self, symbol: str) -> int | None:
        """Find the newest trade, None where there never was one."""
        ...


@dataclass(frozen=True, slots=True)
class Increment:
    """What came of fetching an instrument's new trades."""

    count: int = 0
    """How many were fetched."""
    touched: tuple[Partition, ...] = ()
    """The days they are of."""
    why: str | None = None
    """Why the newest trade was not reached, where it was not."""


def fetch_new(
    lake: Lake,
    instrument: Instrument,
    history: Newest,
    most_ids: int,
    since: dt.date | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Increment:
    """Fetch every trade behind the last one stored, and bring the ledgers up to date.

    Where nothing is stored it begins with the first trade of today; with ``since`` with the first
    one of that day, unless later ones are stored. More than ``most_ids`` are left to the archive,
    whose daily files are quicker. Of two that fetch the same instrument one waits for the other,
    and goes on behind it.

    Raises:
        Refused: the exchange does not serve trades by id.
        StreamLost: it cannot say which ids are new.
    """
    with atomic.locked(lake.layout.fetching(instrument)):
        wanted = _wanted(lake, instrument, history, since)
        if wanted is None:
            return Increment()
        count = wanted[1] - wanted[0] + 1
        if count > most_ids:
            return Increment(
                why=f"{instrument}: expected at most {most_ids:,} new trades, found {count:,} from "
                f"id {wanted[0]} on; the archive's daily files have most of them: import those, "
                "or begin with a later day",
            )
        return _fetch(lake, instrument, history, wanted, progress)


def last_id(lake: Lake, instrument: Instrument, since: dt.date | None = None) -> int | None:
    """The last trade stored of an instrument, of a day or later; None where there is none."""
    days = {
        day
        for asset in ("raw_trades", "daily_trades")
        for day in lake.layout.partitions(asset, instrument.symbol)
        if day.instrument == instrument and (since is None or day.date >= since)
    }
    for day in sorted(days, reverse=True):
        last = lake.coverage(day).last
        if last is not None:
            return last
    return None


def _wanted(
    lake: Lake,
    instrument: Instrument,
    history: Newest,
    since: dt.date | None,
) -> Range | None:
    """The ids that are new; None where there are none."""
    last = last_id(lake, instrument, since)
    if last is not None:
        first: int | None = last + 1
    else:
        today = Partition.of_day(instrument, history.server_time_us() // DAY_US)
        day = today if since is None else Partition(instrument, since)
        first = history.first_id(instrument.symbol, day.start_us)
    newest = history.newest_id(instrument.symbol)
    if first is None or newest is None or newest < first:
        return None
    return first, newest


def _fetch(
    lake: Lake,
    instrument: Instrument,
    history: Newest,
    wanted: Range,
    progress: Callable[[int], None],
) -> Increment:
    count = 0
    days: set[Partition] = set()

    def seen(page: Page) -> Page:
        progress(len(page.lines))
        return page

    found = pages(history, instrument.symbol, wanted, _ONCE, time.sleep)
    why = None
    try:
        for lines in stretches(map(seen, found), _LINES_A_PART):
            days.update(touched([take_trades(lake, instrument, lines)]))
            count += len(lines)
    except Transient as error:
        why = str(error)
    for day in sorted(days):
        fold(lake, "raw_trades", day, _now_us())
    gaps.refresh_days(lake, days, _now_us())
    return Increment(count, tuple(sorted(days)), why)


def _now_us() -> int:
    return time.time_ns() // 1_000
