"""A file of lines, plain or compressed, as blocks of whole lines.

Inflating runs in a thread of its own, one block ahead of the reader: it lets go of the
interpreter, so that the next block inflates while this one is parsed. What a damaged stream still
holds is read up to the damage, byte by byte where need be.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol, cast

import zstandard
from isal import isal_zlib

from crypto_assets.errors import UnreadableInput

BLOCK_BYTES = 16 << 20
LONGEST_LINE = 64 << 20
"""A line longer than this is no line of market data, and would have to be held in memory."""

_READ_BYTES = 64 << 10
_PLAIN_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZIP_MAGIC = b"PK\x03\x04"
_ZIP_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_ZIP_HEADER = struct.Struct("<4s5H3I2H")
_ZIP_EXTRA = struct.Struct("<HH")
_CRC_BYTES = 4
_ZIP_ENCRYPTED, _ZIP_DESCRIPTOR_FOLLOWS = 0x1, 0x8
_STORED, _DEFLATED = 0, 8
_ZIP64 = 0xFFFF_FFFF
_GZIP_WINDOW, _RAW_WINDOW = 31, -15
_CHECKSUM = re.compile(r"([0-9a-f]{64})  ([^/\0\n]+)\n?")
# zstd marks a frame to be skipped with any of sixteen numbers.
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file; only the last line of the last block may lack its newline."""

    data: bytes
    first_line: int
    """The 1-based number of the first line in it."""


@dataclass(frozen=True, slots=True)
class Torn:
    """Where the readable bytes of a file end before the file should."""

    line: int
    """The line that is cut; where the cut is between two, the line that would have come."""
    reason: str
    """Such as ``gzip stream ends early`` or ``zip entry fails its CRC``."""


class _Damage(Exception):
    """The compressed bytes end early or are wrong; all bytes before were given out."""


class _Inflater(Protocol):
    """A decompressor of one stream: a gzip member, a zstd frame or a zip entry."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Codec:
    """One kind of compressed stream."""

    name: str
    fast: Callable[[], _Inflater]
    careful: Callable[[], Callable[[bytes], Iterator[bytes]]]
    """Makes a function that inflates in parts as small as can be, each before the next fails."""


def blocks(path: Path, size: int = BLOCK_BYTES) -> Iterator[Block | Torn]:
    """Read a file as blocks of about ``size`` bytes of whole lines, then :class:`Torn` if damaged.

    gzip (several members too), zstd (several frames too) and zip of one member are told by their
    first bytes, whatever the name: a ``.csv.gz`` that is plain text is read as plain text. Only a
    name that ends in ``.zip`` is held to it. An empty file has no blocks. A zip is read from its
    front, so that one whose end is missing still gives all that is there; length and CRC are
    verified where they can be read.

    Raises:
        UnreadableInput: a ``.zip`` that is none, is encrypted, holds no or several members or a
            method other than stored and deflated; a line of more than 64 MiB.
        OSError: the file cannot be read.

    """
    with path.open("rb") as file, ThreadPoolExecutor(1, "inflate") as thread:
        found = _blocks(path, _chunks(path, file), size)
        ahead = thread.submit(next, found, None)
        try:
            while (block := ahead.result()) is not None:
                ahead = thread.submit(next, found, None)
                yield block
        finally:
            ahead.cancel()


def sha256_of(path: Path) -> str:
    """Compute the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def published_checksum(path: Path) -> str | None:
    """Read the sha256 in ``<path>.CHECKSUM``; None where there is no such file.

    Raises:
        UnreadableInput: it is not ``<sha256>  <name>`` or names another file.

    """
    beside = path.with_name(f"{path.name}.CHECKSUM")
    try:
        content = beside.read_bytes()
    except FileNotFoundError:
        return None
    found = _CHECKSUM.fullmatch(content.decode(errors="replace"))
    if found is None:
        raise UnreadableInput(
            f"{beside}: expected '<sha256>  {path.name}', found {content[:120]!r}",
        )
    if found[2] != path.name:
        raise UnreadableInput(f"{beside}: expected the name {path.name}, found {found[2]}")
    return found[1]


def _blocks(path: Path, chunks: Iterator[bytes], size: int) -> Iterator[Block | Torn]:
    """Cut chunks behind newlines, counting lines."""
    held: list[bytes] = []
    length, line = 0, 1
    torn: Torn | None = None
    while True:
        try:
            chunk = next(chunks, None)
        except _Damage as damage:
            torn, chunk = Torn(0, str(damage)), None
        if chunk is None:
            break
        length += len(chunk)
        cut = chunk.rfind(b"\n") + 1 if length >= size else 0
        if cut:
            data = b"".join((*held, chunk[:cut]))
            held, length = [chunk[cut:]], len(chunk) - cut
            yield Block(data, line)
            line += data.count(b"\n")
        else:
            held.append(chunk)
            if length > max(size, LONGEST_LINE) and _last_line(held) > LONGEST_LINE:
                raise UnreadableInput(
                    f"{path}: expected lines of at most {LONGEST_LINE} bytes, found more than "
                    f"{_last_line(held)} without a newline from line {line} on",
                )
    if length:
        data = b"".join(held)
        yield Block(data, line)
        line += data.count(b"\n")
    if torn is not None:
        yield Torn(line, torn.reason)


def _last_line(held: list[bytes]) -> int:
    """Count the bytes behind the last newline."""
    length = 0
    for chunk in reversed(held):
        behind = chunk.rfind(b"\n") + 1
        length += len(chunk) - behind
        if behind:
            break
    return length


def _chunks(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Read the inflated bytes of a file of any kind."""
    magic = file.read(len(_ZIP_MAGIC))
    file.seek(0)
    if magic == _ZIP_MAGIC or (magic and path.suffix.lower() == ".zip"):
        return _unzipped(path, file)
    if magic.startswith(_GZIP_MAGIC):
        return _streams(file, _GZIP)
    if magic == _ZSTD_MAGIC or _ZSTD_SKIPPABLE.fullmatch(magic):
        return _streams(file, _ZSTD)
    return iter(lambda: file.read(_PLAIN_BYTES), b"")


def _streams(file: BinaryIO, codec: _Codec) -> Iterator[bytes]:
    """Inflate the streams of a file one after the other."""
    at = 0
    while True:
        head = file.read(_READ_BYTES)
        # Some writers fill the end of a file with zeros; gzip itself reads over them too.
        if not head or (at and not head.strip(b"\0")):
            return
        at = yield from _stream(file, codec, at)


def _stream(file: BinaryIO, codec: _Codec, at: int) -> Generator[bytes, None, int]:
    """Inflate the stream that starts at an offset; gives the offset behind its end."""
    file.seek(at)
    inflater, fed, given = codec.fast(), 0, 0
    while not inflater.eof:
        data = file.read(_READ_BYTES)
        if not data:
            raise _Damage(f"{codec.name} ends early")
        try:
            out = inflater.decompress(data)
        except _INFLATE_ERRORS:
            yield from _up_to_the_damage(file, codec, at, fed, given)
        if out:
            given += len(out)
            yield out
        fed += len(data)
    behind = at + fed - len(inflater.unused_data)
    file.seek(behind)
    return behind


def _up_to_the_damage(
    file: BinaryIO,
    codec: _Codec,
    at: int,
    fed: int,
    given: int,
) -> Generator[bytes, None, NoReturn]:
    """Inflate a stream once more, giving out what the failed call swallowed.

    A decompressor that fails gives nothing back, not even what it had inflated before the damage.
    The ``fed`` bytes before the failing call are known to be good and gave ``given`` bytes.
    """
    file.seek(at)
    inflate, left = codec.careful(), fed
    try:
        while data := file.read(min(left, _READ_BYTES) or _READ_BYTES):
            parts = [data] if left else [data[k : k + 1] for k in range(len(data))]
            left -= len(data) if left else 0
            for part in parts:
                for out in inflate(part):
                    fresh = out[given:]
                    given -= len(out) - len(fresh)
                    if fresh:
                        yield fresh
    except _INFLATE_ERRORS as error:
        said = str(error).splitlines()[0]
        check = "data check" in said or "checksum" in said
        how = "fails its CRC" if check else f"is corrupt ({said})"
        raise _Damage(f"{codec.name} {how}") from None
    raise _Damage(f"{codec.name} is corrupt")


def _careful_zlib(window: int) -> Callable[[bytes], Iterator[bytes]]:
    inflater = zlib.decompressobj(window)

    def inflate(data: bytes) -> Iterator[bytes]:
        # At most one byte comes out of a call that is given one, so none is lost when the next
        # call fails.
        most = 1 if len(data) == 1 else 1 << 20
        while out := inflater.decompress(data, most):
            yield out
            data = inflater.unconsumed_tail

    return inflate


def _careful_zstd() -> Callable[[bytes], Iterator[bytes]]:
    inflater = zstandard.ZstdDecompressor().decompressobj()
    return lambda data: iter((inflater.decompress(data),))


def _unzipped(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Inflate the one member of a zip."""
    entry = _entry(path, file)
    crc, length = 0, 0
    chunks = (
        _stored(file, entry) if entry.method == _STORED else _stream(file, _ZIPPED, entry.offset)
    )
    for chunk in chunks:
        crc, length = isal_zlib.crc32(chunk, crc), length + len(chunk)
        yield chunk
    tail = file.read(_ZIP_HEADER.size)
    crc_expected, length_expected = entry.crc, entry.length
    if not entry.listed:
        if entry.described:
            described = tail.removeprefix(_ZIP_DESCRIPTOR_MAGIC)
            if len(described) < _CRC_BYTES:
                return
            crc_expected, length_expected = int.from_bytes(described[:_CRC_BYTES], "little"), None
            tail = tail[-14:]
        if _ZIP_MAGIC in tail:
            raise UnreadableInput(f"{path}: expected a zip of one member, found another behind it")
    if length_expected is not None and length != length_expected:
        raise _Damage(f"zip entry has {length} bytes, expected {length_expected}")
    if crc != crc_expected:
        raise _Damage(f"zip entry fails its CRC: expected {crc_expected:08x}, found {crc:08x}")


@dataclass(frozen=True, slots=True)
class _Entry:
    """The member of a zip, as its own header and, if it can be read, the directory say."""

    method: int
    offset: int
    """Where its bytes begin."""
    packed: int
    length: int | None
    crc: int
    listed: bool
    """Whether crc and lengths are from the directory."""
    described: bool
    """Whether crc and lengths follow its bytes."""


def _entry(path: Path, file: BinaryIO) -> _Entry:
    """Find the one member of a zip, with or without its directory."""
    info = _listed(path, file)
    file.seek(info.header_offset if info else 0)
    header = file.read(_ZIP_HEADER.size)
    if not header.startswith(_ZIP_MAGIC[: len(header)]):
        raise UnreadableInput(f"{path}: expected a zip, found {header[:16]!r}")
    if len(header) < _ZIP_HEADER.size:
        raise _Damage("zip entry is truncated")
    _, _, flags, method, _, _, crc, packed, length, named, extra = _ZIP_HEADER.unpack(header)
    behind = file.read(named + extra)
    if flags & _ZIP_ENCRYPTED:
        raise UnreadableInput(f"{path}: expected a zip without a password, found it encrypted")
    if method not in (_STORED, _DEFLATED):
        raise UnreadableInput(f"{path}: expected a stored or deflated zip, found method {method}")
    if len(behind) < named + extra:
        raise _Damage("zip entry is truncated")
    if _ZIP64 in (packed, length):
        packed, length = _zip64(behind[named:], packed, length)
    if info:
        crc, packed, length = info.CRC, info.compress_size, info.file_size
    described = bool(flags & _ZIP_DESCRIPTOR_FOLLOWS)
    if described and not info and method == _STORED:
        raise UnreadableInput(
            f"{path}: expected a stored zip that says its length, found a truncated one that "
            "does not",
        )
    return _Entry(method, file.tell(), packed, length, crc, info is not None, described)


def _listed(path: Path, file: BinaryIO) -> zipfile.ZipInfo | None:
    """Read the directory at the end of a zip; None where it is missing or damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
        return None
    if len(members) != 1:
        raise UnreadableInput(f"{path}: expected a zip of one member, found {len(members)}")
    return members[0]


def _zip64(extra: bytes, packed: int, length: int) -> tuple[int, int]:
    """Take lengths of more than 32 bits from the extra field, where they come in this order."""
    while len(extra) >= _ZIP_EXTRA.size:
        kind, size = _ZIP_EXTRA.unpack_from(extra)
        if kind == 1:
            values = [v for (v,) in struct.iter_unpack("<Q", extra[4 : 4 + size // 8 * 8])]
            length = values.pop(0) if length == _ZIP64 and values else length
            packed = values.pop(0) if packed == _ZIP64 and values else packed
        extra = extra[4 + size :]
    return packed, length


def _stored(file: BinaryIO, entry: _Entry) -> Iterator[bytes]:
    """Read the bytes of a member that is not compressed."""
    left = entry.packed
    while left:
        data = file.read(min(left, _PLAIN_BYTES))
        if not data:
            raise _Damage("zip entry ends early")
        left -= len(data)
        yield data


# The stubs of isal declare its error as an instance.
_ISAL_ERROR = cast("type[Exception]", isal_zlib.error)
_INFLATE_ERRORS = (_ISAL_ERROR, zlib.error, zstandard.ZstdError)
_GZIP = _Codec(
    "gzip stream",
    lambda: isal_zlib.decompressobj(_GZIP_WINDOW),
    lambda: _careful_zlib(_GZIP_WINDOW),
)
_ZIPPED = _Codec(
    "zip entry",
    lambda: isal_zlib.decompressobj(_RAW_WINDOW),
    lambda: _careful_zlib(_RAW_WINDOW),
)
_ZSTD = _Codec(
    "zstd stream",
    lambda: zstandard.ZstdDecompressor().decompressobj(),
    _careful_zstd,
)
