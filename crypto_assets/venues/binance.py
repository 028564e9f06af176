"""Binance spot: its stream and its archive files, made into frames."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from crypto_assets.model.numbering import Numbering
from crypto_assets.venues import binance_archive, binance_frames
from crypto_assets.venues.venue import ArchiveFile, ArchiveName, Frames, Rows, Venue

_TABLES = {"trade": "trades", "bookTicker": "quotes"}


@dataclass(frozen=True, slots=True)
class Binance:
    """Binance spot, as :class:`~crypto_assets.venues.venue.Venue` says."""

    name: str = "binance"
    numbering: Numbering = Numbering.SEQUENCE
    klines_open_at_last_close: bool = False

    def decode_frames(self, data: bytes, first_line: int, *, last: bool) -> Frames:
        """Decode whole lines of a capture of combined streams; see :class:`Venue`."""
        return binance_frames.decode_frames(data, first_line, last=last)

    def subject(self, stream: str) -> tuple[str, str] | None:
        """Read ``<symbol in lower case>@trade`` or ``@bookTicker``."""
        symbol, _, kind = stream.partition("@")
        return (symbol.upper(), _TABLES[kind]) if kind in _TABLES else None

    def decode_trades(self, data: bytes, first_line: int) -> Rows:
        """Decode rows ``id,price,qty,quoteQty,time,isBuyerMaker[,isBestMatch]``."""
        return binance_archive.decode_trades(data, first_line)

    def decode_agg_trades(self, data: bytes, first_line: int) -> Rows:
        """Decode rows ``a,p,q,f,l,T,m[,M]``; tombstones are left out and counted."""
        return binance_archive.decode_agg_trades(data, first_line)

    def decode_klines(self, data: bytes, first_line: int, interval: str) -> Rows:
        """Decode the archive's rows of 12 fields, open time first."""
        return binance_archive.decode_klines(data, first_line, interval)

    def archive_name(self, filename: str) -> ArchiveName | None:
        """Read ``SYMBOL-trades-DATE``, ``-aggTrades-`` or ``-INTERVAL-``; .csv, .csv.gz or .zip."""
        return binance_archive.archive_name(filename)

    def archive_file(self, name: ArchiveName) -> ArchiveFile | None:
        """Give ``data/spot/daily/trades/SYMBOL/SYMBOL-trades-DATE.zip`` and its like."""
        return binance_archive.archive_file(name)

    def archive_folder(self, name: ArchiveName) -> str | None:
        """Give ``data/spot/daily/trades/SYMBOL/`` and its like."""
        return binance_archive.archive_folder(name)

    def expected_unit(self, date: dt.date) -> str:
        """Say ``ms`` before 2025-01-01 and ``us`` from then on."""
        return binance_archive.expected_unit(date)


VENUE: Venue = Binance()
