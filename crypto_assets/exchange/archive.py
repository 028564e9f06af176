"""The archive of finished days and months: zips made from the tapes, and S3's listing.

Source: the exchange's public data archive, its README (paths, columns, time units, ``.CHECKSUM``),
and Amazon's "ListObjects" (version 1), in which the archive is listed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl

from crypto_assets.exchange import wire
from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.flaws import FLAWLESS, Flaws, Spans, flaws, is_meant
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.tape import Tape, quote_value
from crypto_assets.model.interval import DAY_US, SECOND_US
from crypto_assets.model.tables import QUANTITY
from crypto_assets.venues.venue import Venue

ROOT = "data/spot/"
KINDS = ("trades", "aggTrades", "1s", "1m")
MOST_KEYS = 1_000
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ANEW_US = 3_600 * SECOND_US
# Three times as fast as the usual 6, and the files are not larger by half.
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class File:
    """One file of the archive, not made yet."""

    symbol: str
    kind: str
    """``trades``, ``aggTrades`` or an interval."""
    days: tuple[int, ...]
    """Those it holds, since 1970."""
    is_monthly: bool
    published_us: int
    flaws: Flaws = FLAWLESS
    is_last: bool = False
    """Whether the symbol was delisted on its last day, so that klines end with its last trade."""
    is_checksum: bool = False

    @property
    def stem(self) -> str:
        """Its name without a suffix."""
        return f"{self.symbol}-{self.kind}-{_date(self.days[0], is_monthly=self.is_monthly)}"

    @property
    def name(self) -> str:
        """Its name."""
        return f"{self.stem}.zip" + ".CHECKSUM" * self.is_checksum

    @property
    def key(self) -> str:
        """Its path."""
        return _folder(self.symbol, self.kind, is_monthly=self.is_monthly) + self.name

    @property
    def of(self) -> File:
        """The zip a checksum is of; itself for a zip."""
        return dataclasses.replace(
            self,
            is_checksum=False,
            flaws=dataclasses.replace(self.flaws, has_wrong_checksum=False),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the listing tells it."""

    key: str
    modified_us: int
    size: int
    etag: str
    """In quotes."""


def published(market: Market, now_us: int, faults: Faults, prefix: str = "") -> list[File]:
    """Find every file there is at a market time whose key may begin so, in order of key.

    A day is finished when it is over, a month likewise; its files come ``archive_late_s`` later. A
    symbol has files of the days on which it traded, and of the months of such days.
    """
    folders = sorted(
        (_folder(name, kind, is_monthly=is_monthly), name, kind, is_monthly)
        for name in market.tapes
        for kind in KINDS
        for is_monthly in (False, True)
    )
    days = {name: tape.days_until(now_us) for name, tape in market.tapes.items()}
    return [
        file
        for folder, name, kind, is_monthly in folders
        if folder.startswith(prefix) or prefix.startswith(folder)
        for held in _periods(days[name], is_monthly=is_monthly)
        for file in _pair(market.tapes[name], kind, held, now_us, faults, is_monthly=is_monthly)
    ]


def _periods(days: list[int], *, is_monthly: bool) -> list[tuple[int, ...]]:
    """Group days by what one file holds."""
    if not is_monthly:
        return [(day,) for day in days]
    return [tuple(month) for _, month in groupby(days, lambda day: _date(day, is_monthly=True))]


def _pair(
    tape: Tape,
    kind: str,
    days: tuple[int, ...],
    now_us: int,
    faults: Faults,
    *,
    is_monthly: bool,
) -> list[File]:
    """Give a zip and its checksum, or nothing where they are not published."""
    name, date = tape.symbol.name, _date(days[0], is_monthly=is_monthly)
    at = _end_us(days[0], is_monthly=is_monthly) + int(faults.archive_late_s * SECOND_US)
    if at > now_us or is_meant(faults.archive_unpublished, name, kind, date):
        return []
    anew = is_meant(faults.republished, name, kind, date)
    zipped = File(
        name,
        kind,
        days,
        is_monthly,
        at + _ANEW_US * anew,
        FLAWLESS if anew else flaws(faults, name, kind, date),
        is_last=name in faults.delisted and days[-1] == int(tape.trade_due[-1]) // DAY_US,
    )
    return [zipped, dataclasses.replace(zipped, is_checksum=True)]


def zipped(tape: Tape, file: File, venue: Venue) -> bytes:
    """Make a zip: the same bytes for the same tape."""
    chunks: Iterable[bytes] = _csv(tape, file, venue)
    if file.flaws.is_truncated:
        chunks = _first_third(chunks)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        # So that one published anew is other bytes, as it is where its member has another date.
        archive.comment = _moment(file.published_us).isoformat().encode()
        with archive.open(f"{file.stem}.csv", "w") as member:
            for chunk in chunks:
                member.write(chunk)
    return out.getvalue()


def checksum(file: File, digest: str) -> bytes:
    """Write a ``.CHECKSUM`` file around the zip's SHA-256, backwards where it shall be wrong."""
    told = digest[::-1] if file.flaws.has_wrong_checksum else digest
    # The real files have no newline at their end.
    return f"{told}  {file.of.name}".encode()


def listing(
    entries: Iterable[Entry],
    prefixes: Iterable[str],
    asked: Listing,
    *,
    truncated: str | None,
) -> bytes:
    """Write what was found as S3 does; ``truncated`` is the next marker, None at the end."""
    root = ET.Element("ListBucketResult", xmlns=_NAMESPACE)
    for name, text in (
        ("Name", "data.binance.vision"),
        ("Prefix", asked.prefix),
        ("Marker", asked.marker),
        ("NextMarker", truncated),
        ("MaxKeys", str(asked.most)),
        ("Delimiter", asked.delimiter or None),
        ("IsTruncated", "false" if truncated is None else "true"),
    ):
        if text is not None:
            ET.SubElement(root, name).text = text
    for entry in entries:
        found = ET.SubElement(root, "Contents")
        moment = _moment(entry.modified_us)
        ET.SubElement(found, "Key").text = entry.key
        ET.SubElement(found, "LastModified").text = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        ET.SubElement(found, "ETag").text = entry.etag
        ET.SubElement(found, "Size").text = str(entry.size)
        ET.SubElement(found, "StorageClass").text = "STANDARD"
    for prefix in prefixes:
        ET.SubElement(ET.SubElement(root, "CommonPrefixes"), "Prefix").text = prefix
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root)


def not_found(key: str) -> bytes:
    """Write S3's answer for a key that is not there."""
    root = ET.Element("Error")
    ET.SubElement(root, "Code").text = "NoSuchKey"
    ET.SubElement(root, "Message").text = "The specified key does not exist."
    ET.SubElement(root, "Key").text = key
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root)


@dataclass(frozen=True, slots=True)
class Listing:
    """A request for a listing."""

    prefix: str = ""
    delimiter: str = ""
    marker: str = ""
    most: int = MOST_KEYS

    def page(self, files: Iterable[File]) -> tuple[list[File], list[str], str | None]:
        """Choose from files in order of key: the files, the folders, and where the next begins.

        What has the delimiter behind the prefix is told as one folder, which counts as one key.
        """
        chosen: list[File] = []
        folders: list[str] = []
        last = ""
        for file, name in self._names(files):
            if name == last:
                continue
            if len(chosen) + len(folders) == self.most:
                return chosen, folders, last
            if file is None:
                folders.append(name)
            else:
                chosen.append(file)
            last = name
        return chosen, folders, None

    def _names(self, files: Iterable[File]) -> Iterator[tuple[File | None, str]]:
        """Name each file, or the folder it is told as, behind the marker."""
        for file in files:
            if not file.key.startswith(self.prefix):
                continue
            behind = file.key[len(self.prefix) :]
            if self.delimiter and self.delimiter in behind:
                folder = self.prefix + behind.partition(self.delimiter)[0] + self.delimiter
                if folder > self.marker:
                    yield None, folder
            elif file.key > self.marker:
                yield file, file.key


def _folder(symbol: str, kind: str, *, is_monthly: bool) -> str:
    period = "monthly" if is_monthly else "daily"
    if kind in INTERVALS:
        return f"{ROOT}{period}/klines/{symbol}/{kind}/"
    return f"{ROOT}{period}/{kind}/{symbol}/"


def _moment(at_us: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=at_us)


def _date(day: int, *, is_monthly: bool) -> str:
    """Write a day, or its month."""
    date = _moment(day * DAY_US).date().isoformat()
    return date[: len("YYYY-MM")] if is_monthly else date


def _end_us(day: int, *, is_monthly: bool) -> int:
    """Say when a day, or its month, is over."""
    if not is_monthly:
        return (day + 1) * DAY_US
    date = _moment(day * DAY_US)
    later = date.replace(day=1) + dt.timedelta(days=31)
    return (later.replace(day=1) - _EPOCH).days * DAY_US


def _csv(tape: Tape, file: File, venue: Venue) -> Iterator[bytes]:
    """Write the rows of a file; klines a day at a time, for there are many."""
    start, stop = file.days[0] * DAY_US, (file.days[-1] + 1) * DAY_US
    unit = venue.expected_unit(_moment(start).date())
    if file.kind == "trades":
        yield _text(_trades(tape, file, start, stop), unit)
    elif file.kind == "aggTrades":
        gone = _within("first_id", "last_id", file.flaws.missing)
        yield _text(tape.aggregates.filter(_between(start, stop) & ~gone), unit)
    else:
        for day in file.days:
            is_last = file.is_last and day == file.days[-1]
            yield _klines(tape, INTERVALS[file.kind], day * DAY_US, unit, is_last=is_last)


def _trades(tape: Tape, file: File, start: int, stop: int) -> pl.DataFrame:
    """Give the trades of a file with all that is wrong in it."""
    low, high = np.searchsorted(tape.trade_due, (start, stop + tape.late_us)).tolist()
    wrong = file.flaws
    gone = _within("trade_id", "trade_id", wrong.missing)
    other = _within("trade_id", "trade_id", wrong.altered)
    double = (pl.col("quantity").reinterpret(dtype=pl.Int128()) * 2).reinterpret(dtype=QUANTITY)
    found = tape.trades.slice(low, high - low).filter(_between(start, stop) & ~gone)
    if wrong.altered:
        found = found.with_columns(
            quantity=pl.when(other).then(double).otherwise("quantity"),
        ).with_columns(quote=quote_value())
    if not wrong.added or found.is_empty():
        return found
    before = np.searchsorted(found["trade_id"].to_numpy(), wrong.added) - 1
    copies: pl.DataFrame = found[np.maximum(before, 0).tolist()]
    more = copies.with_columns(pl.Series("trade_id", wrong.added, pl.Int64()))
    return pl.concat([found, more]).sort("trade_id", maintain_order=True)


def _klines(tape: Tape, length: int, start: int, unit: str, *, is_last: bool) -> bytes:
    stop = start + DAY_US
    count = tape.trades_until(stop - 1 + tape.late_us)
    until = (int(tape.trade_due[-1]) // length + 1) * length if is_last else stop
    bars = tape.klines(length, range(start, until, length), count)
    rows = bars.with_columns(close_us=pl.col("open_us") + length).select(
        wire.time("open_us", unit),
        "open",
        "high",
        "low",
        "close",
        "volume",
        wire.time("close_us", unit) - 1,
        "quote_volume",
        "count",
        "taker_volume",
        "taker_quote_volume",
        pl.lit(0).alias("ignore"),
    )
    return rows.write_csv(include_header=False).encode()


def _text(rows: pl.DataFrame, unit: str) -> bytes:
    """Write trades or aggregate trades."""
    middle = ("first_id", "last_id") if "first_id" in rows.columns else ("quote",)
    return (
        rows.select(
            "agg_id" if "first_id" in rows.columns else "trade_id",
            "price",
            "quantity",
            *middle,
            wire.time("time_us", unit),
            pl.when("is_buyer_maker")
            .then(pl.lit("True"))
            .otherwise(pl.lit("False"))
            .alias("maker"),
            pl.lit("True"),
        )
        .write_csv(include_header=False)
        .encode()
    )


def _first_third(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the first third of lines, at least one."""
    lines = b"".join(chunks).splitlines(keepends=True)
    yield b"".join(lines[: max(len(lines) // 3, 1)])


def _between(start: int, stop: int) -> pl.Expr:
    return pl.col("time_us").is_between(start, stop, closed="left")


def _within(first: str, last: str, ranges: Spans) -> pl.Expr:
    return pl.any_horizontal(
        pl.lit(value=False),
        *((pl.col(first) <= high) & (pl.col(last) >= low) for low, high in ranges),
    )
