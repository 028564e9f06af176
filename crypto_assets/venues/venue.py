"""What a venue is: the pure half of an exchange, its bytes made into frames."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import QUOTES, TRADES

TRADE_FRAME = pl.Schema({"symbol": pl.String(), **TRADES.schema})
QUOTE_FRAME = pl.Schema({"symbol": pl.String(), **QUOTES.schema})
CLOCK_FRAME = pl.Schema({"ts_recv_us": pl.Int64(), "ts_sent_us": pl.Int64()})


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A line that could not be used, kept as it was."""

    line: int
    """Its 1-based number in the file."""
    reason: str
    """Such as ``not JSON``, ``torn last line`` or ``trade without p``."""
    data: bytes
    """The line verbatim, without its newline."""
    symbol: str | None = None
    """Whose it is, where the line says so."""
    lost: bool = True
    """Whether it may have held a trade or a quote; False for a message of an unknown kind."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the collector says of its own recording, where it happened."""

    recv_us: int
    message: bytes
    """The JSON ``{"collector": <kind>, ...}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """One block of a capture, decoded; every line that is not blank is counted once.

    ``trades`` has the columns :data:`TRADE_FRAME` and ``quotes`` :data:`QUOTE_FRAME`, rows in the
    order received, neither sorted nor deduplicated. A quote's ``ts_as_of`` is its ``ts_recv``
    still: the caller takes the clock offset off.
    """

    trades: pl.DataFrame
    quotes: pl.DataFrame
    dead: tuple[DeadLetter, ...]
    ignored: dict[str, int]
    """Messages known but not taken, by kind: ``depth``, ``aggTrade``, ``ack``, ``snapshot`` ..."""
    clock: pl.DataFrame
    """When a message was sent by the exchange's clock and received by the recorder's, in us."""
    first_recv_us: int | None
    """The receive time of the first line that has one."""
    last_recv_us: int | None
    """The receive time of the last line that has one."""
    notes: tuple[Note, ...] = ()
    """The collector's own lines, in order."""
    units: frozenset[str] = frozenset()
    """The units the trade times came in, of ``ms`` and ``us``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One block of an archive file, decoded; every line but blanks and the header counted once."""

    frame: pl.DataFrame
    """Exactly the schema of the table, rows in the order of the file."""
    dead: tuple[DeadLetter, ...]
    units: frozenset[str] = field(default_factory=frozenset)
    """The units the times came in, of ``ms`` and ``us``."""
    ignored: dict[str, int] = field(default_factory=dict)
    """Rows known and left out, by kind: ``tombstone`` is an aggregate marked as a duplicate."""


@dataclass(frozen=True, slots=True)
class ArchiveName:
    """What the name of an archive file says."""

    symbol: str
    table: str
    """``trades``, ``agg_trades`` or ``klines``."""
    interval: str | None
    """The klines' interval; None for the others."""
    date: str
    """``YYYY-MM-DD``, or ``YYYY-MM`` of a monthly file."""

    @property
    def is_monthly(self) -> bool:
        """Whether the file holds a month."""
        return len(self.date) == len("YYYY-MM")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """Where a published file lies."""

    name: str
    key: str
    """Its path below the archive's host, not percent-encoded."""
    has_checksum: bool
    """Whether a ``.CHECKSUM`` is published beside it."""


class Venue(Protocol):
    """The plug-in of one exchange: a module of this package that defines ``VENUE``.

    Nothing here touches disk, network or clock. Decoding never raises on bad bytes: what cannot
    be used is a :class:`DeadLetter`.
    """

    @property
    def name(self) -> str:
        """The venue's name, as its module's."""
        ...

    @property
    def numbering(self) -> Numbering:
        """How it names its trades."""
        ...

    @property
    def klines_open_at_last_close(self) -> bool:
        """Whether its klines open at the close before them, and not at their first trade."""
        ...

    def decode_frames(self, data: bytes, first_line: int, *, last: bool) -> Frames:
        """Decode whole lines of a capture, ``<local time> <message>``.

        ``first_line`` is the number of the first line, ``last`` whether the file ends here.
        """
        ...

    def subject(self, stream: str) -> tuple[str, str] | None:
        """Say whose ``trades`` or ``quotes`` a stream carries; None where it carries neither."""
        ...

    def decode_trades(self, data: bytes, first_line: int) -> Rows:
        """Decode whole lines of an archive of trades to the schema ``TRADES``."""
        ...

    def decode_agg_trades(self, data: bytes, first_line: int) -> Rows:
        """Decode whole lines of an archive of aggregate trades to the schema ``AGG_TRADES``.

        Those the exchange marked as duplicates are left out and counted in ``ignored``.
        """
        ...

    def decode_klines(self, data: bytes, first_line: int, interval: str) -> Rows:
        """Decode whole lines of an archive of klines to the schema ``KLINES``."""
        ...

    def archive_name(self, filename: str) -> ArchiveName | None:
        """Say what an archive file holds by its name; None where it is no such name."""
        ...

    def archive_file(self, name: ArchiveName) -> ArchiveFile | None:
        """Say where the file of a name is published; None where the exchange publishes none."""
        ...

    def archive_folder(self, name: ArchiveName) -> str | None:
        """Give the path that the files like one, of any date, lie below.

        None where the archive's host cannot list what it has.
        """
        ...

    def expected_unit(self, date: dt.date) -> str:
        """Say which unit, ``ms`` or ``us``, the archive's times of a day are in."""
        ...
