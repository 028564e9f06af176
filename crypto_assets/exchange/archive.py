"""The archive of finished days: zips made from the tapes, their checksums, and S3's listing.

Source: the exchange's public data archive, its README (paths, columns, time units, ``.CHECKSUM``),
and Amazon's "ListObjects" (version 1), in which the archive is listed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl

from crypto_assets.exchange import wire
from crypto_assets.exchange.faults import Faults, Ranges
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.tape import Tape
from crypto_assets.model.interval import DAY_US, SECOND_US
from crypto_assets.venues.venue import Venue

ROOT = "data/spot/daily/"
KINDS = ("trades", "aggTrades", "1s", "1m")
MOST_KEYS = 1_000
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ANEW_US = 3_600 * SECOND_US


@dataclass(frozen=True, slots=True)
class File:
    """One file of the archive, not made yet."""

    symbol: str
    kind: str
    """``trades``, ``aggTrades`` or an interval."""
    day: int
    """Days since 1970."""
    published_us: int
    missing: tuple[tuple[int, int], ...]
    is_checksum: bool = False
    is_wrong: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        date = (_EPOCH + dt.timedelta(days=self.day)).date()
        return f"{self.symbol}-{self.kind}-{date}.zip" + ".CHECKSUM" * self.is_checksum

    @property
    def key(self) -> str:
        """Its path."""
        if self.kind in INTERVALS:
            return f"{ROOT}klines/{self.symbol}/{self.kind}/{self.name}"
        return f"{ROOT}{self.kind}/{self.symbol}/{self.name}"

    @property
    def of(self) -> File:
        """The zip a checksum is of; itself for a zip."""
        return File(self.symbol, self.kind, self.day, self.published_us, self.missing)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the listing tells it."""

    key: str
    modified_us: int
    content: bytes

    @property
    def etag(self) -> str:
        """The MD5 of the content, in quotes."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


def published(market: Market, now_us: int, faults: Faults) -> list[File]:
    """Find every file there is at a market time, in order of key.

    A day is finished when it is over; its files come ``archive_late_s`` later. A symbol has files
    of the days on which it traded.
    """
    found = []
    for tape in market.tapes.values():
        name = tape.symbol.name
        days = np.unique(tape.trade_due[: tape.trades_until(now_us)] // DAY_US).tolist()
        anew = name in faults.republished
        missing: Ranges = [] if anew else faults.archive_missing.get(name, [])
        for day in days:
            at = (day + 1) * DAY_US + int(faults.archive_late_s * SECOND_US)
            if at > now_us:
                continue
            at += _ANEW_US if anew else 0
            for kind in KINDS:
                wrong = name in faults.wrong_checksums
                zipped = File(name, kind, day, at, tuple(missing))
                found += [zipped, File(name, kind, day, at, tuple(missing), True, wrong)]
    return sorted(found, key=lambda file: file.key)


def content(tape: Tape, file: File, venue: Venue) -> bytes:
    """Make a file: the same bytes for the same tape."""
    zipped = _zipped(file.of, _csv(tape, file, venue))
    if not file.is_checksum:
        return zipped
    digest = hashlib.sha256(zipped).hexdigest()
    if file.is_wrong:
        digest = digest[::-1]
    # The real files have no newline at their end.
    return f"{digest}  {file.of.name}".encode()


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
        moment = _EPOCH + dt.timedelta(microseconds=entry.modified_us)
        ET.SubElement(found, "Key").text = entry.key
        ET.SubElement(found, "LastModified").text = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        ET.SubElement(found, "ETag").text = entry.etag
        ET.SubElement(found, "Size").text = str(len(entry.content))
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


def _zipped(file: File, text: bytes) -> bytes:
    moment = _EPOCH + dt.timedelta(microseconds=file.published_us)
    info = zipfile.ZipInfo(file.name.replace(".zip", ".csv"), moment.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # as on any system: the bytes shall be the same everywhere
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, text, compresslevel=6)
    return out.getvalue()


def _csv(tape: Tape, file: File, venue: Venue) -> bytes:
    start, stop = file.day * DAY_US, (file.day + 1) * DAY_US
    unit = venue.expected_unit((_EPOCH + dt.timedelta(days=file.day)).date())
    of_day = pl.col("time_us").is_between(start, stop, closed="left")
    if file.kind == "trades":
        gone = _within("trade_id", "trade_id", file.missing)
        rows = tape.trades.filter(of_day & ~gone).select(
            "trade_id",
            "price",
            "quantity",
            "quote",
            wire.time("time_us", unit),
            _flag("is_buyer_maker"),
            pl.lit("True"),
        )
    elif file.kind == "aggTrades":
        gone = _within("first_id", "last_id", file.missing)
        rows = tape.aggregates.filter(of_day & ~gone).select(
            "agg_id",
            "price",
            "quantity",
            "first_id",
            "last_id",
            wire.time("time_us", unit),
            _flag("is_buyer_maker"),
            pl.lit("True"),
        )
    else:
        length = INTERVALS[file.kind]
        count = tape.trades_until(stop - 1 + tape.late_us)
        bars = tape.klines(length, range(start, stop, length), count)
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


def _within(first: str, last: str, ranges: Iterable[tuple[int, int]]) -> pl.Expr:
    return pl.any_horizontal(
        pl.lit(value=False),
        *((pl.col(first) <= high) & (pl.col(last) >= low) for low, high in ranges),
    )


def _flag(name: str) -> pl.Expr:
    return pl.when(name).then(pl.lit("True")).otherwise(pl.lit("False")).alias(name)
