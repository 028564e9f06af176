"""The lake's inputs: every imported file kept verbatim, with a record of what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.layout import Layout, checked_name


class Landed(msgspec.Struct, frozen=True, kw_only=True):
    """One part that was made of an input."""

    asset: str
    symbol: str
    date: str
    part: str
    """The part's file name without its suffix."""
    rows: int


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one imported file."""

    id: str
    """Names the input and the parts made of it."""
    name: str
    venue: str
    kind: str
    """``capture``, ``trades``, ``klines`` or ``exchange_info``."""
    source: str
    """``stream`` for a capture, ``archive`` for a published file."""
    sha256: str
    bytes: int
    checksum: str
    """Whether the publisher's checksum was ``verified`` or ``absent``."""
    landed: tuple[Landed, ...] = ()
    unreadable: int = 0
    """Lines that may have held data and could not be read."""
    unknown: int = 0
    """Lines that were read and not recognised."""
    ignored: dict[str, int] = {}
    """Messages recognised and not taken, by kind."""
    torn: str | None = None
    """Where and how the file is cut short, None when it is whole."""
    clock_offset_us: int | None = None
    """How far the recorder's clock was ahead of the exchange's, at the least latency seen."""


class Inputs:
    """The imported files of one venue."""

    def __init__(self, layout: Layout, venue: str) -> None:
        self.directory = layout.inputs(venue)

    def path(self, record_id: str, name: str) -> Path:
        """Where an input's bytes lie."""
        return self.directory / checked_name(record_id) / checked_name(name)

    def keep(self, source: Path, record: Record) -> Path:
        """Copy a file's bytes into the lake; an earlier version of it is set aside, not lost."""
        target = self.path(record.id, record.name)
        old = self.find(record.id)
        if old is not None and old.sha256 != record.sha256:
            kept = self.path(record.id, old.name)
            atomic.copy(kept, kept.with_name(f"superseded-{old.sha256[:12]}-{old.name}"))
        atomic.copy(source, target)
        return target

    def find(self, record_id: str) -> Record | None:
        """Read one record, None when the input was never taken to its end."""
        path = self.path(record_id, "record.json")
        return _read(path) if path.exists() else None

    def write(self, record: Record) -> None:
        """Write a record; the last act of an import."""
        atomic.write_bytes(self.path(record.id, "record.json"), msgspec.json.encode(record))

    def __iter__(self) -> Iterator[Record]:
        for path in sorted(self.directory.glob("*/record.json")):
            yield _read(path)

    def of(self, asset: str, partitions: Iterable[tuple[str, str]]) -> list[Record]:
        """The records with rows for any of these (symbol, date) of an asset."""
        wanted = set(partitions)
        return [
            record
            for record in self
            if any(
                landed.asset == asset and (landed.symbol, landed.date) in wanted
                for landed in record.landed
            )
        ]


def _read(path: Path) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"{path}: expected the record of an input, found {error}") from error
