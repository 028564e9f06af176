"""The lake's inputs: every imported file kept verbatim, with a record of what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from crypto_assets.errors import ChecksumMismatch, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.layout import Layout, checked_name


class Landed(msgspec.Struct, frozen=True, kw_only=True):
    """One part that was made of an input."""

    asset: str
    symbol: str
    date: str
    part: str
    """The part's file name without its suffix."""
    rows: int


class Interruption(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that ended or fell silent while it was recorded."""

    from_us: int
    """By the recorder's clock."""
    why: str
    streams: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one imported file."""

    id: str
    """Names the input and the parts made of it."""
    name: str
    venue: str
    kind: str
    """``capture``, ``trades``, ``agg_trades``, ``klines``, ``rest`` or ``exchange_info``."""
    source: str
    """``stream`` for a capture, ``archive`` for a published file, ``rest`` for what was fetched."""
    sha256: str
    bytes: int
    checksum: str
    """Whether the publisher's checksum was ``verified``, ``absent`` or a ``mismatch``."""
    published: str | None = None
    """The sha256 the publisher gave, None where it gave none."""
    landed: tuple[Landed, ...] = ()
    unreadable: int = 0
    """Lines that may have held data and could not be read."""
    unknown: int = 0
    """Lines that were read and not recognised."""
    ignored: dict[str, int] = {}
    """Messages and rows recognised and not taken, by kind."""
    torn: str | None = None
    """Where and how the file is cut short, None when it is whole."""
    clock_offset_us: int | None = None
    """How far the recorder's clock was ahead of the exchange's, at the least latency seen."""
    heard_us: tuple[int, int] | None = None
    """When the first and the last line of a recording came, by the exchange's clock."""
    interruptions: tuple[Interruption, ...] = ()


class Inputs:
    """The imported files of one venue."""

    def __init__(self, layout: Layout, venue: str) -> None:
        self.directory = layout.inputs(venue)

    def lock(self, record: Record) -> AbstractContextManager[None]:
        """Hold one input for this process alone."""
        return atomic.locked(self._of(record.id))

    def path(self, record: Record) -> Path:
        """Where an input's bytes lie: each version of a file in a directory of its own."""
        return self._of(record.id) / record.sha256[:12] / checked_name(record.name)

    def aside(self, record: Record) -> Path:
        """Where the parts of an earlier version of an input lie until they were compared."""
        return self._of(record.id) / ".before"

    def keep(self, source: Path, record: Record, *, is_final: bool = False) -> Path:
        """Copy a file's bytes into the lake, beside those of an earlier version of it.

        A final file, which nobody will write to again, is given a second name instead of copied.

        Raises:
            UnreadableInput: the file is still being written.
        """
        target = self.path(record)
        if is_final:
            atomic.link(source, target)
            return target
        with atomic.replacing(target) as temporary:
            shutil.copyfile(source, temporary)
            if sha256_of(temporary) != record.sha256:
                raise UnreadableInput(
                    f"{source}: its bytes changed while they were read; import it when whatever "
                    "writes it has ended",
                )
        return target

    def check(self, record: Record) -> None:
        """Hold the bytes that were kept against their record.

        Raises:
            UnreadableInput: they are gone.
            ChecksumMismatch: they are others.
        """
        path = self.path(record)
        if not path.exists():
            raise UnreadableInput(f"{path}: expected the bytes of an imported file, found none")
        found = sha256_of(path)
        if found != record.sha256:
            raise ChecksumMismatch(
                f"{path}: expected the bytes that were imported, with sha256 {record.sha256}, "
                f"found {found}",
            )

    def drop(self, record: Record) -> None:
        """Remove the bytes of a file that nothing was made of."""
        shutil.rmtree(self.path(record).parent)

    def _of(self, record_id: str) -> Path:
        return self.directory / checked_name(record_id)

    def find(self, record_id: str) -> Record | None:
        """Read one record, None when the input was never taken to its end."""
        path = self._of(record_id) / "record.json"
        return _read(path) if path.exists() else None

    def ids(self) -> list[str]:
        """Name every input that was taken to its end, without reading its record."""
        return sorted(path.parent.name for path in self.directory.glob("*/record.json"))

    def write(self, record: Record) -> None:
        """Write a record; the last act of an import."""
        atomic.write_bytes(self._of(record.id) / "record.json", msgspec.json.encode(record))

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
    except ValueError as error:
        raise UnreadableInput(f"{path}: expected the record of an input, found {error}") from error
