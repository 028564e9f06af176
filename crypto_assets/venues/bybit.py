"""Bybit's linear contracts: its stream, its archive and its klines, made into frames."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from crypto_assets.model.numbering import Numbering
from crypto_assets.venues import bybit_archive, bybit_frames
from crypto_assets.venues.venue import ArchiveFile, ArchiveName, Frames, Rows, Venue


@dataclass(frozen=True, slots=True)
class Bybit:
    """Bybit's linear contracts, as :class:`~crypto_assets.venues.venue.Venue` says.

    Trades have UUIDs; klines open at the close before them and count no trades.
    """

    name: str = "bybit"
    numbering: Numbering = Numbering.OPAQUE
    klines_open_at_last_close: bool = True

    def decode_frames(self, data: bytes, first_line: int, *, last: bool) -> Frames:
        """Decode whole lines of a capture of public topics; see :class:`Venue`."""
        return bybit_frames.decode_frames(data, first_line, last=last)

    def subject(self, stream: str) -> tuple[str, str] | None:
        """Read ``publicTrade.<symbol>``."""
        topic, _, symbol = stream.partition(".")
        return (symbol, "trades") if topic == bybit_frames.TRADES_TOPIC else None

    def decode_trades(self, data: bytes, first_line: int) -> Rows:
        """Decode rows ``timestamp,symbol,side,size,price,tickDirection,trdMatchID,...``."""
        return bybit_archive.decode_trades(data, first_line)

    def decode_agg_trades(self, data: bytes, first_line: int) -> Rows:
        """Read none: every line is a letter, for the exchange aggregates no trades."""
        return bybit_archive.decode_agg_trades(data, first_line)

    def decode_klines(self, data: bytes, first_line: int, interval: str) -> Rows:
        """Decode answers of ``/v5/market/kline``."""
        return bybit_archive.decode_klines(data, first_line, interval)

    def archive_name(self, filename: str) -> ArchiveName | None:
        """Read ``SYMBOLDATE``, .csv, .csv.gz or .zip, and ``SYMBOL-INTERVAL-DATE.json``."""
        return bybit_archive.archive_name(filename)

    def archive_file(self, name: ArchiveName) -> ArchiveFile | None:
        """Give ``trading/SYMBOL/SYMBOLDATE.csv.gz``; there are no files of anything else."""
        return bybit_archive.archive_file(name)

    def archive_folder(self, name: ArchiveName) -> str | None:  # noqa: ARG002 - of no name
        """Give none: the host shows pages for people, and no listing."""
        return None

    def expected_unit(self, date: dt.date) -> str:  # noqa: ARG002 - the same at all times
        """Say ``us``: tenths of a millisecond are finer than one."""
        return "us"


VENUE: Venue = Bybit()
