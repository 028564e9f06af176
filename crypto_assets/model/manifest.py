"""What a committed file is, as written into its own footer."""

from __future__ import annotations

import msgspec

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.numbering import Numbering

PUBLISHED = ("archive", "archive_monthly")
"""The sources that are files the exchange publishes itself."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One file that went into another."""

    name: str
    sha256: str
    source: str
    """Where it came from: ``stream``, ``archive``, ``archive_monthly`` or ``rest``."""
    rows: int = 0
    """Rows of the committed file that came from it."""
    checksum: str = "absent"
    """Whether the publisher's checksum was ``verified``, ``absent`` or a ``mismatch``."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one committed Parquet file.

    Times are microseconds since 1970 UTC, id ranges ``(first, last)`` with both ends inside.
    It holds nothing that differs between two builds from the same inputs.
    """

    table: str
    venue: str
    symbol: str
    date: str
    rows: int
    logical_hash: str
    """sha256 over the values of the hashed columns, in key order; says nothing of the encoding."""
    schema_version: int
    writer: str
    version: int = 1
    """Which sealing of the day this is; parts are always 1."""
    inputs: tuple[Input, ...] = ()
    parents: dict[str, str] = {}
    """Logical hashes of the lake files this one was computed from, by what they are."""
    first_id: int | None = None
    last_id: int | None = None
    missing: tuple[tuple[int, int], ...] = ()
    """Maximal id ranges missing between first and last id."""
    first_us: int | None = None
    last_us: int | None = None
    """Lowest and highest event time."""
    inversions: int = 0
    """Rows whose event time is before that of the row with the next lower key, at the resolution
    down to which the ids follow the time."""
    duplicates: int = 0
    """Rows dropped because an equal row with the same key was there."""
    conflicts: tuple[int, ...] = ()
    """Ids seen with different contents, the first 1,000."""
    disordered: int = 0
    """Rows whose key was lower than that of the row before, as they came in."""
    unreadable: int = 0
    """Lines of the inputs that could not be read; they lie in the dead-letter file."""
    recorded: tuple[tuple[int, int], ...] = ()
    """Spans of exchange time during which a recorder was listening."""
    numbering: Numbering = Numbering.SEQUENCE
    """What the trades' ids are; opaque ones cover and lack nothing."""

    @property
    def coverage(self) -> Coverage:
        """The trade ids the file holds; none where they are opaque."""
        is_opaque = self.numbering is Numbering.OPAQUE
        if self.first_id is None or self.last_id is None or is_opaque:
            return Coverage()
        return Coverage.within(self.first_id, self.last_id, self.missing)

    @property
    def sources(self) -> dict[str, int]:
        """Rows by source."""
        found: dict[str, int] = {}
        for entry in self.inputs:
            found[entry.source] = found.get(entry.source, 0) + entry.rows
        return found

    def encode(self) -> bytes:
        """Write as JSON, keys in declared order."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, text: bytes) -> Manifest:
        """Read what :meth:`encode` wrote; raises ``ValueError`` on anything else."""
        return msgspec.json.decode(text, type=cls)
