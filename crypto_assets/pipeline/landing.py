"""One input's rows sorted out by table, symbol and day."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import polars as pl

from crypto_assets.lake.draft import Draft
from crypto_assets.lake.inputs import Record
from crypto_assets.lake.runs import Runs
from crypto_assets.model.coverage import Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.manifest import Input
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import KLINES, QUOTES, TABLES, TRADES, Table
from crypto_assets.pipeline.listening import Listening
from crypto_assets.venues import venue
from crypto_assets.venues.venue import DeadLetter, Frames, Rows

HELD_ROWS = 4_000_000
"""Rows kept in memory while an input is sorted; the others wait in scratch files."""
ASSET_OF = {
    "trades": "raw_trades",
    "quotes": "raw_quotes",
    "agg_trades": "agg_trades",
    "klines": "klines",
}
_OFFSET_QUANTILE = 0.01
_RECEIVED = re.compile(rb"(\d{19}|\d{16}) ")
_US_DIGITS = 16
_Key = tuple[Table, Instrument, int]
"""A table, an instrument and a day counted since 1970."""
_SLACK_US = 2_000_000
"""How far a message's receive time may be from its trade's time at a day's edge."""


class Landing:
    """Take an input block by block, then give a draft for every part it makes."""

    def __init__(self, record: Record, scratch: Path) -> None:
        self._record = record
        self._scratch = scratch
        self._runs: dict[_Key, Runs] = {}
        self._klines: dict[Instrument, list[pl.DataFrame]] = {}
        self._first_recv_us: int | None = None
        self._last_recv_us: int | None = None
        self.dead: list[DeadLetter] = []
        self.ignored: Counter[str] = Counter()
        self.listening = Listening()
        self.clock_offset_us: int | None = None
        """How far the recorder's clock was ahead of the exchange's, at the least latency of the
        first block with a message that says when it was sent; without one, as the collector
        measured it."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing that was added could be read."""
        return not (self._runs or self._klines or self.ignored)

    @property
    def heard_us(self) -> Range | None:
        """When the first and the last line came, by the exchange's clock; None of archives."""
        if self._first_recv_us is None or self._last_recv_us is None:
            return None
        offset = self.clock_offset_us or 0
        return self._first_recv_us - offset, self._last_recv_us - offset

    def add_frames(self, frames: Frames) -> None:
        """Take one block of a capture."""
        self.dead.extend(frames.dead)
        self.ignored.update(frames.ignored)
        for note in frames.notes:
            self.listening.note(note.recv_us, note.message)
        if self.clock_offset_us is None and not frames.clock.is_empty():
            ahead = frames.clock["ts_recv_us"] - frames.clock["ts_sent_us"]
            self.clock_offset_us = int(ahead.quantile(_OFFSET_QUANTILE, "lower") or 0)
        if self._first_recv_us is None:
            self._first_recv_us = frames.first_recv_us
        if frames.last_recv_us is not None:
            self._last_recv_us = frames.last_recv_us
        offset = pl.duration(microseconds=self.clock_offset_us or 0, time_unit="us")
        quotes = frames.quotes.with_columns(pl.col("ts_as_of") - offset)
        for table, frame in ((TRADES, frames.trades), (QUOTES, quotes)):
            by_symbol = frame.partition_by(
                "symbol",
                include_key=False,
                as_dict=True,
                maintain_order=True,
            )
            for (symbol,), rows in by_symbol.items():
                self._add(table, Instrument(self._record.venue, str(symbol)), rows)

    def add_rows(self, table: Table, symbol: str, rows: Rows) -> None:
        """Take one block of an archive file of a table."""
        self.dead.extend(rows.dead)
        self.ignored.update(rows.ignored)
        instrument = Instrument(self._record.venue, symbol)
        if table is not KLINES:
            self._add(table, instrument, rows.frame)
        elif not rows.frame.is_empty():
            self._klines.setdefault(instrument, []).append(rows.frame)

    def _add(self, table: Table, instrument: Instrument, frame: pl.DataFrame) -> None:
        assert table.time is not None  # noqa: S101 - tables of events have times
        for day, rows in _by_day(frame, table.time):
            self._runs_of((table, instrument, day)).add(rows)
        while sum(runs.rows_held for runs in self._runs.values()) > HELD_ROWS:
            max(self._runs.values(), key=lambda runs: runs.rows_held).spill()

    def _runs_of(self, key: _Key) -> Runs:
        if key not in self._runs:
            table, instrument, day = key
            scratch = self._scratch / f"{table.name}-{instrument.symbol}-{day}"
            self._runs[key] = Runs(table, scratch, self._numbering(table))
        return self._runs[key]

    def drafts(self) -> Iterator[tuple[str, Partition, Draft]]:
        """Give ``(asset, partition, draft)`` for every part; each draft is made when asked for.

        What the collector listened to and heard nothing of has a part without rows.
        """
        heard = self._heard()
        whole: tuple[Range, ...] = ()
        if self._first_recv_us is not None and self._last_recv_us is not None:
            whole = ((self._first_recv_us, self._last_recv_us),)
        for key in self._quiet(heard):
            self._runs_of(key)
        for (table, instrument, day), runs in sorted(
            self._runs.items(),
            key=lambda item: (item[0][0].name, *item[0][1:]),
        ):
            partition = Partition.of_day(instrument, day)
            rows = runs.drain()
            spans = heard.get((instrument.symbol, table.name), whole)
            draft = Draft(
                rows=rows,
                begun=runs.begun,
                name=self._record.id,
                inputs=(self._input(),),
                duplicates=runs.duplicates,
                conflicts=runs.conflicts,
                disordered=runs.disordered,
                unreadable=self._unreadable(partition),
                recorded=self._recorded(spans, partition),
                numbering=self._numbering(table),
            )
            yield ASSET_OF[table.name], partition, draft
        for instrument, frames in sorted(self._klines.items()):
            yield from self._kline_drafts(instrument, pl.concat(frames))

    def _kline_drafts(
        self,
        instrument: Instrument,
        frame: pl.DataFrame,
    ) -> Iterator[tuple[str, Partition, Draft]]:
        for day, rows in sorted(_by_day(frame, "ts_open"), key=lambda item: item[0]):
            partition = Partition.of_day(instrument, day)
            once = rows.unique("ts_open", keep="first").sort("ts_open")
            draft = Draft(
                rows=[once],
                name=str(once["interval"][0]),
                inputs=(self._input(),),
                duplicates=rows.height - once.height,
                unreadable=self._unreadable(partition),
            )
            yield ASSET_OF["klines"], partition, draft

    def _numbering(self, table: Table) -> Numbering:
        return venue(self._record.venue).numbering if table is TRADES else Numbering.SEQUENCE

    def _input(self) -> Input:
        record = self._record
        return Input(
            name=record.name,
            sha256=record.sha256,
            source=record.source,
            checksum=record.checksum,
        )

    def _unreadable(self, partition: Partition) -> int:
        """Count the unreadable lines that may have been of a symbol's day."""
        symbol = partition.instrument.symbol
        return sum(
            letter.lost and letter.symbol in (None, symbol) and self._may_be_of(letter, partition)
            for letter in self.dead
        )

    def _may_be_of(self, letter: DeadLetter, partition: Partition) -> bool:
        """Whether an unreadable line may be of a day, by the receive time it begins with.

        What a recording lost when it was cut short came after everything that could be read.
        """
        offset = self.clock_offset_us or 0
        received = _RECEIVED.match(letter.data)
        if received is not None:
            at = int(received[1][:_US_DIGITS]) - offset
            return partition.start_us - _SLACK_US <= at < partition.end_us + _SLACK_US
        if not letter.data and self._last_recv_us is not None:
            return self._last_recv_us - offset < partition.end_us + _SLACK_US
        return True

    def _heard(self) -> dict[tuple[str, str], tuple[Range, ...]]:
        """When the collector listened to a symbol's table, as far as its own lines tell."""
        if self._last_recv_us is not None:
            self.listening.end(self._last_recv_us)
        if self.clock_offset_us is None:
            # No message of the recording said when it was sent.
            self.clock_offset_us = self.listening.clock_offset_us
        subject = venue(self._record.venue).subject
        return {
            named: spans
            for stream, spans in self.listening.heard.items()
            if (named := subject(stream)) is not None
        }

    def _recorded(self, spans: Iterable[Range], partition: Partition) -> tuple[Range, ...]:
        """Cut spans of listening out of the day, on the exchange's clock."""
        offset, (start, end) = self.clock_offset_us or 0, (partition.start_us, partition.end_us)
        found = ((max(low - offset, start), min(high - offset, end)) for low, high in spans)
        return tuple((low, high) for low, high in found if low <= high)

    def _quiet(self, heard: Mapping[tuple[str, str], tuple[Range, ...]]) -> Iterator[_Key]:
        """Name what was listened to by day where nothing came: that it was quiet is known too."""
        offset = self.clock_offset_us or 0
        for (symbol, name), spans in heard.items():
            for low, high in spans:
                days = range((low - offset) // DAY_US, (high - offset) // DAY_US + 1)
                for day in days:
                    yield TABLES[name], Instrument(self._record.venue, symbol), day


def _by_day(frame: pl.DataFrame, time: str) -> Iterator[tuple[int, pl.DataFrame]]:
    """Split rows by UTC day, counted since 1970, order kept."""
    days = (frame[time].to_physical() // DAY_US).rename("_day")
    if days.is_empty():
        return
    if days.min() == days.max():
        yield int(days[0]), frame
        return
    split = frame.with_columns(days).partition_by(
        "_day",
        include_key=False,
        as_dict=True,
        maintain_order=True,
    )
    for (day,), rows in split.items():
        yield int(str(day)), rows
