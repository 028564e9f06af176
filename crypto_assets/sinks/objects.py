"""Files as objects of S3 or Cloud Storage, under the keys they have in the lake.

An object is one PUT, told what must be there for it to be done: nothing, or the object that was
seen before. So of two that put the same key one is refused, and neither clobbers what it has not
seen. What the store says of the object afterwards, its size and its own checksum, is held against
the file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crypto_assets.errors import CommitFailed, Refused, StreamLost, Transient
from crypto_assets.sinks.sealed import Sealed

SHA256, VERSION = "sha256", "version"
"""Names in an object's metadata."""


class Overtaken(Transient):
    """Somebody else put the object since it was looked at."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file that is to be an object."""

    path: Path
    key: str
    """Below the prefix, such as ``daily_trades/venue=binance/.../daily_trades.parquet``."""
    sha256: str
    size: int
    version: int
    """Which sealing of the day it is; a later one is never replaced by an earlier."""
    metadata: Mapping[str, str]
    """Besides the sha256 and the version."""

    @property
    def labels(self) -> dict[str, str]:
        """All of its metadata."""
        return {**self.metadata, SHA256: self.sha256, VERSION: str(self.version)}


def outgoing_of(sealed: Sealed) -> Outgoing:
    """Say what a sealed file is put as."""
    manifest = sealed.manifest
    labels = {
        "logical-hash": manifest.logical_hash,
        "rows": str(manifest.rows),
        "table": manifest.table,
        "schema-version": str(manifest.schema_version),
    }
    size = sealed.path.stat().st_size
    return Outgoing(sealed.path, sealed.key, sealed.sha256, size, manifest.version, labels)


@dataclass(frozen=True, slots=True)
class Checksum:
    """A hash of bytes."""

    algorithm: str
    """``sha256`` or ``md5``."""
    hex: str

    @classmethod
    def of_base64(cls, algorithm: str, text: str) -> Checksum:
        """Read one as stores write it."""
        return cls(algorithm, base64.b64decode(text).hex())

    @property
    def base64(self) -> str:
        """Write it as stores do."""
        return base64.b64encode(bytes.fromhex(self.hex)).decode()

    def __str__(self) -> str:
        return f"{self.algorithm} {self.hex}"


def md5_of(path: Path) -> Checksum:
    """Compute the hash that stores without sha256 tell."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return Checksum("md5", found.hexdigest())


@dataclass(frozen=True, slots=True)
class Object:
    """What a store says of an object."""

    tag: str
    """What it calls this content of the object: an ETag, or a generation."""
    size: int
    sha256: str | None
    """As whoever put it said."""
    version: int
    checksum: Checksum | None
    """What the store itself computed of the bytes, None where it tells none."""


class Bucket(Protocol):
    """A prefix in a bucket of some store."""

    url: str
    """Where it is, such as ``s3://bucket/prefix``."""

    def head(self, key: str) -> Object | None:
        """Say what is there under a key, None where nothing is."""
        ...

    def put(self, outgoing: Outgoing, instead_of: Object | None) -> None:
        """Put a file in one piece, if the object there is still the one given, or still none.

        Raises:
            Overtaken: it is not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Put:
    """What came of one object."""

    url: str
    changed: bool
    """False where the same bytes were there already and were left alone."""


def put(bucket: Bucket, outgoing: Outgoing) -> Put:
    """Have a file be an object, and hold what the store says of it against the file.

    Raises:
        Refused: what is there is of a later version, or the store says no.
        StreamLost: the store cannot be reached, or another put something else meanwhile.
        CommitFailed: the store holds other bytes than were sent.
    """
    url = f"{bucket.url}/{outgoing.key}"
    found = bucket.head(outgoing.key)
    if found is not None and _is(found, outgoing):
        _verify(url, found, outgoing)
        return Put(url, changed=False)
    if found is not None and found.version > outgoing.version:
        raise Refused(
            f"{url}: expected version {outgoing.version} or an earlier one there, found "
            f"{found.version}; the lake it came from knows more than this one",
            409,
        )
    try:
        bucket.put(outgoing, found)
    except Overtaken as error:
        now = bucket.head(outgoing.key)
        if now is None or not _is(now, outgoing):
            raise StreamLost(f"{url}: another put something else meanwhile") from error
        return Put(url, changed=False)
    now = bucket.head(outgoing.key)
    if now is None:
        raise CommitFailed(f"{url}: expected the object that was just put, found none")
    _verify(url, now, outgoing)
    return Put(url, changed=True)


def _is(found: Object, outgoing: Outgoing) -> bool:
    return found.sha256 == outgoing.sha256 and found.size == outgoing.size


def _verify(url: str, found: Object, outgoing: Outgoing) -> None:
    if found.size != outgoing.size:
        raise CommitFailed(f"{url}: expected {outgoing.size} bytes, found {found.size}")
    # A store that tells none has nothing to hold the file against.
    if found.checksum is None:
        return
    is_md5 = found.checksum.algorithm == "md5"
    expected = md5_of(outgoing.path) if is_md5 else Checksum("sha256", outgoing.sha256)
    if found.checksum != expected:
        raise CommitFailed(f"{url}: expected {expected}, found {found.checksum}")
