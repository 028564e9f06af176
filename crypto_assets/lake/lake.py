"""The lake: commit drafts as final files, and read them back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crypto_assets.errors import NothingStored
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import Draft, read_back, scan_files, write
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.parquet import read_manifest
from crypto_assets.lake.parts import Part, replaced, scan_parts, summarise
from crypto_assets.model.assets import STORED
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition

_SUMMARIES_KEPT = 256
_MANIFESTS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Link:
    """A committed part that becomes final as it is."""

    source: Path


@dataclass(frozen=True, slots=True)
class Committed:
    """A final file."""

    path: Path
    manifest: Manifest
    bytes: int
    sha256: str
    changed: bool
    """False when the same bytes were already there and were left alone."""


class Lake:
    """One directory of market data.

    Parts of a partition may overlap; what :meth:`scan` hands out has each key once.
    """

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root.expanduser().absolute())
        self._manifests: dict[Path, tuple[tuple[int, int, int], Manifest]] = {}
        self._summaries: dict[tuple[str, Partition], tuple[list[Part], Manifest]] = {}

    @contextlib.contextmanager
    def building(self, asset: str, partition: Partition) -> Iterator[None]:
        """Hold a partition of an asset that is made of others, from reading to commit.

        Of two builders the one that read older parts could commit last otherwise.
        """
        if not STORED[asset].upstream:
            yield
            return
        with atomic.locked(self.layout.directory(asset, partition)):
            yield

    def commit(self, asset: str, partition: Partition, draft: Draft) -> Committed:
        """Write a draft as one final file: temporary file, read back, compare, sync, rename.

        The same draft gives the same bytes; a file that already has them is left untouched.
        Sealed files get a ``sha256sum -c`` sidecar.

        Raises:
            SchemaMismatch: a frame's columns are not the table's.
            CommitFailed: keys do not ascend, or the file reads back differently.
        """
        kind = STORED[asset]
        target = self.layout.file(asset, partition, draft.name)
        with atomic.replacing(target) as temporary:
            manifest = write(temporary, kind.table, partition, draft)
            read_back(temporary, kind.table, manifest)
            sha256, size = sha256_of(temporary), temporary.stat().st_size
            changed = not target.exists() or sha256_of(target) != sha256
            if not changed:
                temporary.unlink()
        if kind.is_sealed:
            self._write_sidecar(target, sha256)
        return Committed(target, manifest, size, sha256, changed)

    def link(self, asset: str, partition: Partition, source: Path) -> Committed:
        """Make a committed part final as it is, after reading it back whole.

        Raises:
            CommitFailed: the part's values are not what its manifest says.
        """
        target = self.layout.file(asset, partition)
        manifest = read_manifest(source)
        read_back(source, STORED[asset].table, manifest)
        sha256 = sha256_of(source)
        changed = not target.exists() or sha256_of(target) != sha256
        if changed:
            atomic.link(source, target)
        self._write_sidecar(target, sha256)
        return Committed(target, manifest, target.stat().st_size, sha256, changed)

    def store(self, asset: str, partition: Partition, made: Draft | Link | Committed) -> Committed:
        """Make final whatever a step made; what is final already stays as it is."""
        if isinstance(made, Committed):
            return made
        if isinstance(made, Link):
            return self.link(asset, partition, made.source)
        return self.commit(asset, partition, made)

    def _write_sidecar(self, target: Path, sha256: str) -> None:
        text = f"{sha256}  {target.name}\n".encode()
        sidecar = sidecar_of(target)
        if not sidecar.exists() or sidecar.read_bytes() != text:
            atomic.write_bytes(sidecar, text)

    def stored(self, asset: str, partition: Partition) -> list[Committed]:
        """Describe every file of a partition as it lies on the disk."""
        return [
            Committed(path, part.manifest, path.stat().st_size, sha256_of(path), changed=False)
            for part in self.parts(asset, partition)
            for path in (part.path,)
        ]

    def parts(self, asset: str, partition: Partition) -> list[Part]:
        """Every file of a partition with its manifest, the most trusted source first.

        Files whose inputs are all in another one are left out: that one has taken their place.
        """
        found = self._files(asset, partition)
        gone = {part.path for part, _ in replaced(found)}
        kept = (part for part in found if part.path not in gone)
        return sorted(kept, key=lambda part: part.trust)

    def replaced(self, asset: str, partition: Partition) -> list[tuple[Part, Part]]:
        """Every file whose inputs are all in another one, with that one."""
        return replaced(self._files(asset, partition))

    def _files(self, asset: str, partition: Partition) -> list[Part]:
        found: list[Part] = []
        for path in self.layout.files(asset, partition):
            # One that another took the place of may be removed at any moment.
            with contextlib.suppress(FileNotFoundError):
                found.append(Part(path, self._manifest(path)))
        return found

    def _manifest(self, path: Path) -> Manifest:
        """Read a file's manifest, once as long as it is the same file."""
        found = path.stat()
        version = (found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._manifests.get(path)
        if known is None or known[0] != version:
            known = (version, read_manifest(path))
            if len(self._manifests) >= _MANIFESTS_KEPT:
                self._manifests.clear()
            self._manifests[path] = known
        return known[1]

    def manifest(self, asset: str, partition: Partition) -> Manifest | None:
        """The manifest of a partition's only file, None when it is not there."""
        return self.file_manifest(self.layout.file(asset, partition))

    def file_manifest(self, path: Path) -> Manifest | None:
        """The manifest of a committed file, None when it is not there."""
        return self._manifest(path) if path.exists() else None

    def scan(self, asset: str, partition: Partition) -> pl.LazyFrame:
        """Read a partition lazily: each key once, ascending, with the table's schema.

        Raises:
            NothingStored: the partition has no file.
        """
        table = STORED[asset].table
        parts = self.parts(asset, partition)
        if not parts:
            raise NothingStored(f"{asset} of {partition}: nothing is stored")
        if table.id is None:
            return scan_files([part.path for part in parts])
        return scan_parts(parts, table)

    def summary(self, asset: str, partition: Partition) -> Manifest | None:
        """Describe a partition's parts as if they were one file, None when there are none."""
        parts = self.parts(asset, partition)
        if not parts:
            return None
        known = self._summaries.get((asset, partition))
        if known is None or known[0] != parts:
            known = (parts, summarise(parts, STORED[asset].table))
            if len(self._summaries) >= _SUMMARIES_KEPT:
                self._summaries.clear()
            self._summaries[asset, partition] = known
        return known[1]

    def coverage(self, partition: Partition) -> Coverage:
        """The trade ids stored of a day, hot or sealed, by the manifests alone."""
        files = [
            part.manifest.coverage
            for asset in ("raw_trades", "daily_trades")
            for part in self.parts(asset, partition)
        ]
        return Coverage.of(span for found in files for span in found.ranges)


def sidecar_of(path: Path) -> Path:
    """Where a sealed file's checksum lies."""
    return path.with_name(path.name + ".sha256")


def read_sidecar(path: Path) -> str | None:
    """The sha256 a sealed file's sidecar gives, None without one."""
    sidecar = sidecar_of(path)
    if not sidecar.exists():
        return None
    return sidecar.read_text(errors="replace").removesuffix(f"  {path.name}\n")
