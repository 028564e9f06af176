"""Where everything lies: Hive directories under one root, readable by any engine as they are."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition

_FILE = re.compile(r"\w[\w.+-]*")
_UNSAFE = re.compile(r"[^\w.+-]")
_LONGEST_NAME = 200
"""In bytes: a file system takes 255, and a temporary file's name is longer than the final one."""


def checked_name(name: str) -> str:
    """Hold a file name from outside against what may reach the disk.

    Raises:
        InvalidName: it is not one plain file name of letters, digits and ``. _ + -``.
    """
    if not _FILE.fullmatch(name) or len(name.encode()) > _LONGEST_NAME:
        raise InvalidName(
            f"file name {name!r}: expected letters, digits and . _ + -, at most "
            f"{_LONGEST_NAME} bytes",
        )
    return name


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one lake's root."""

    root: Path

    def directory(self, asset: str, partition: Partition) -> Path:
        """The directory of one partition of an asset."""
        return (
            self.root
            / asset
            / f"venue={partition.instrument.venue}"
            / f"symbol={partition.instrument.symbol}"
            / f"date={partition.date.isoformat()}"
        )

    def file(self, asset: str, partition: Partition, name: str | None = None) -> Path:
        """One file of a partition; the partition's only file is named after its asset."""
        return self.directory(asset, partition) / f"{checked_name(name or asset)}.parquet"

    def files(self, asset: str, partition: Partition) -> list[Path]:
        """Every committed Parquet file of a partition, by name."""
        return sorted(self.directory(asset, partition).glob("[!.]*.parquet"))

    def partitions(self, asset: str, symbol: str | None = None) -> Iterator[Partition]:
        """Every partition of an asset that has a committed file, in order of path."""
        pattern = f"venue=*/symbol={symbol or '*'}/date=*"
        for directory in sorted((self.root / asset).glob(pattern)):
            if any(directory.glob("[!.]*.parquet")):
                yield partition_of(directory)

    def instruments(self, asset: str) -> Iterator[Instrument]:
        """Every instrument an asset has a directory of, in order of path."""
        for directory in sorted((self.root / asset).glob("venue=*/symbol=*")):
            venue, symbol = (part.split("=", 1)[1] for part in directory.parts[-2:])
            yield Instrument(venue, symbol)

    def inputs(self, venue: str) -> Path:
        """The directory of the imported files and their records."""
        return self.root / "inputs" / f"venue={venue}"

    def dead_letters(self, venue: str, name: str) -> Path:
        """The file of an input's unreadable lines."""
        return self.root / "dead_letters" / f"venue={venue}" / f"{checked_name(name)}.txt"

    def streamed(self, stream: str, venue: str) -> Path:
        """The directory of what was published to a stream of a venue, a file an input."""
        return self.root / "streamed" / checked_name(stream) / f"venue={venue}"

    def stream_letters(self, stream: str) -> Path:
        """The directory of a stream's messages that could not be read."""
        return self.root / "dead_letters" / f"stream={checked_name(stream)}"

    @property
    def trade_stream(self) -> Path:
        """The database file of the table ``trade_stream``."""
        return self.root / "warehouse" / "stream.duckdb"

    def exchange_info(self, venue: str) -> Path:
        """The directory of the venue's descriptions of its symbols, one file a day."""
        return self.root / "exchange_info" / f"venue={venue}"

    def published(self, instrument: Instrument) -> Path:
        """The directory of what an exchange was found to have published of an instrument."""
        return self.root / "published" / f"venue={instrument.venue}" / f"symbol={instrument.symbol}"

    def published_instruments(self, venue: str) -> Iterator[Instrument]:
        """Every instrument of a venue whose published files were ever asked for."""
        for directory in sorted((self.root / "published" / f"venue={venue}").glob("symbol=*")):
            yield Instrument(venue, directory.name.removeprefix("symbol="))

    def downloads(self, venue: str) -> Path:
        """The directory of files on their way into the lake."""
        return self.root / "downloads" / f"venue={venue}"

    def listings(self, venue: str, date: dt.date) -> Path:
        """The table of what the venue listed on a day."""
        directory = self.root / "listings" / f"venue={venue}" / f"date={date.isoformat()}"
        return directory / "listings.parquet"

    def listed(self) -> list[Path]:
        """Every table of what a venue listed on a day, by venue and day."""
        return sorted((self.root / "listings").glob("venue=*/date=*/listings.parquet"))

    def fetching(self, instrument: Instrument) -> Path:
        """The directory whoever fetches an instrument's new trades holds meanwhile."""
        return self.root / "fetching" / f"venue={instrument.venue}" / f"symbol={instrument.symbol}"

    def loading(self, instrument: Instrument) -> Path:
        """The directory whoever loads an instrument's days into a warehouse holds meanwhile."""
        return self.root / "loading" / f"venue={instrument.venue}" / f"symbol={instrument.symbol}"

    def limits(self, host: str) -> Path:
        """The directory of what all processes know of a host's limits."""
        return self.root / "limits" / checked_name(_UNSAFE.sub("_", host))

    @property
    def reports(self) -> Path:
        """The directory of the pages for people."""
        return self.root / "reports"

    @property
    def completeness(self) -> Path:
        """The page of all symbols and days."""
        return self.reports / "completeness.html"

    def report(self, partition: Partition) -> Path:
        """The page of one day."""
        return self.directory("reports", partition) / "report.html"

    def relative(self, path: Path) -> str:
        """A path as people are shown it: below the root."""
        return str(path.relative_to(self.root))


def partition_of(path: Path) -> Partition:
    """Read the partition off a directory, or a file in one.

    Raises:
        InvalidName: the path has no ``venue=``, ``symbol=`` and ``date=`` parts.
    """
    values = dict(part.split("=", 1) for part in path.parts if "=" in part)
    try:
        return Partition.of(values["venue"], values["symbol"], values["date"])
    except KeyError as missing:
        raise InvalidName(f"{path}: expected .../venue=V/symbol=S/date=D, no {missing}") from None
