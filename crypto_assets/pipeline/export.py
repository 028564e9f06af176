"""Days of a table as files of a directory tree for others: found, named, told complete, written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US, Interval, length_of
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.ohlcv import UNTIL
from crypto_assets.pipeline.query import VIEWS
from crypto_assets.sinks.files import FORMATS, write
from crypto_assets.transforms.rollup import roll_up

LAYOUT = "interval/exchange/symbol"
TABLES = ("ohlcv", "klines", "trades", "quotes", *(f"bars_{one.value}" for one in Interval))
_WORDS = ("interval", "exchange", "symbol", "date")
_NEEDED = ("interval", "exchange")
"""Without these two files would have one name; the file's own name has the symbol and the day."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which directories a file lies in, such as ``interval/exchange/symbol``.

    Raises:
        InvalidName: it is not the words interval and exchange, and if wanted symbol and date, each
            once, in any order.
    """

    text: str = LAYOUT

    def __post_init__(self) -> None:
        words = self.text.split("/")
        is_known = set(words) <= set(_WORDS) and len(set(words)) == len(words)
        if not is_known or not set(_NEEDED) <= set(words):
            raise InvalidName(
                f"layout {self.text!r}: expected {' and '.join(_NEEDED)}, and if wanted symbol and "
                f"date, each once, such as {LAYOUT}",
            )

    def path(self, table: str, interval: str | None, partition: Partition, form: str) -> Path:
        """Name the file of a day, below the directory that is written to.

        A table without intervals has no directory for them.
        """
        instrument, day = partition.instrument, partition.date
        values = {
            "interval": interval,
            "exchange": instrument.venue,
            "symbol": instrument.symbol,
            "date": f"{day:%Y%m%d}",
        }
        found = [value for word in self.text.split("/") if (value := values[word]) is not None]
        return Path(table, *found, f"{instrument.symbol}_{day:%Y%m%d}.{form}")


@dataclass(frozen=True, slots=True)
class Item:
    """One day of a table, of one interval where it has them."""

    table: str
    interval: str | None
    partition: Partition
    rows: pl.LazyFrame
    condition: str
    """What is known of it: a day's condition; of bars as an exchange gives them ``complete``,
    ``unfinished`` or ``holes``; ``observed`` of quotes, which nothing can prove."""
    is_complete: bool

    def __str__(self) -> str:
        return " ".join(filter(None, (self.table, self.interval, str(self.partition))))


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of one day in one format."""

    item: Item
    path: Path
    changed: bool
    """False when the same bytes were already there and were left alone."""


def items(
    lake: Lake,
    table: str,
    instruments: Collection[Instrument] = (),
    dates: Collection[dt.date] = (),
    intervals: Collection[str] = (),
) -> Iterator[Item]:
    """Find the stored days of a table: sealed where they are, hot elsewhere.

    All instruments, dates and intervals where none is named.

    Raises:
        InvalidName: there is no such table, or an interval is none.
        UnreadableInput: a manifest cannot be read.
    """
    if table not in TABLES:
        raise InvalidName(f"table {table!r}: expected one of {', '.join(TABLES)}")
    for interval in intervals:
        length_of(interval)
    view = "bars_1s" if table.startswith("bars_") else table
    seen: set[Partition] = set()
    for asset in VIEWS[view]:
        for partition in lake.layout.partitions(asset):
            wanted = not instruments or partition.instrument in instruments
            if not wanted or (dates and partition.date not in dates) or partition in seen:
                continue
            seen.add(partition)
            if view in ("ohlcv", "klines"):
                found = _by_interval(lake, asset, partition)
                yield from (one for one in found if not intervals or one.interval in intervals)
            else:
                yield _proven(lake, asset, table, partition)


def _by_interval(lake: Lake, asset: str, partition: Partition) -> Iterator[Item]:
    """Take a day of bars as an exchange gives them apart by interval: a file each."""
    for part in sorted(lake.parts(asset, partition), key=lambda part: part.path.name):
        interval, manifest = part.path.stem, part.manifest
        until = int(manifest.parents.get(UNTIL, partition.end_us))
        condition = "complete"
        if until < partition.end_us:
            condition = "unfinished"
        elif manifest.rows != DAY_US // length_of(interval):
            condition = "holes"
        rows = pl.scan_parquet(part.path, hive_partitioning=False, glob=False)
        yield Item(asset, interval, partition, rows, condition, condition == "complete")


def _proven(lake: Lake, asset: str, table: str, partition: Partition) -> Item:
    rows = lake.scan(asset, partition)
    if table == "quotes":
        return Item(table, None, partition, rows, "observed", is_complete=False)
    condition = verdicts.glance(lake, partition).condition
    is_complete = condition.is_proven
    if table == "trades":
        return Item(table, None, partition, rows, condition.value, is_complete)
    interval = Interval(table.removeprefix("bars_"))
    rolled = rows if interval is Interval.SECOND else roll_up(rows, interval)
    return Item("bars", interval.value, partition, rolled, condition.value, is_complete)


def export(
    found: Sequence[Item],
    directory: Path,
    layout: Layout,
    forms: Sequence[str],
    told: Callable[[Item], None] = lambda _item: None,
) -> list[Exported]:
    """Write days to files below a directory, each atomically; the same rows leave a file as it is.

    Raises:
        InvalidName: a format is none.
        UnreadableInput: a day's rows cannot be read; the files before it are written.
    """
    for form in forms:
        if form not in FORMATS:
            raise InvalidName(f"format {form!r}: expected some of {', '.join(FORMATS)}")
    done: list[Exported] = []
    for item in found:
        for form in forms:
            path = directory / layout.path(item.table, item.interval, item.partition, form)
            done.append(Exported(item, path, _replaced(item, form, path)))
        told(item)
    return done


def _replaced(item: Item, form: str, path: Path) -> bool:
    with atomic.replacing(path) as temporary:
        with readable(str(item)):
            write(item.rows, form, temporary)
        changed = not path.exists() or sha256_of(path) != sha256_of(temporary)
        if not changed:
            temporary.unlink()
    return changed
