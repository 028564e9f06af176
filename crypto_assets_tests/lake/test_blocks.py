"""Reading a file as blocks: whatever packs it, whole lines, true line numbers, nothing lost."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.blocks import Block, Torn, blocks, published_checksum, sha256_of

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
# Lines that compress like market data do, so that a packed file has several of a reader's chunks.
LINES = b"".join(b"%d,%d\n" % (k, k * 2654435761 % 2**32) for k in range(60_000))


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED, name: str = "x.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def streamed_zip(data: bytes) -> bytes:
    """Write a zip to something that cannot seek: lengths and CRC follow the bytes."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", data)
    return pipe.getvalue()


def zip64(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.csv", "w", force_zip64=True) as member,
    ):
        member.write(data)
    return buffer.getvalue()


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "x.csv": lambda data: data,
    "plain.csv.gz": lambda data: data,
    "x.csv.gz": gzip.compress,
    "members.csv.gz": lambda data: gzip.compress(data[:999], mtime=0) + gzip.compress(data[999:]),
    "padded.csv.gz": lambda data: gzip.compress(data, mtime=0) + bytes(512),
    "x.jsonl.zst": zst,
    "frames.zst": lambda data: zst(data[:999]) + zst(data[999:2000]) + zst(data[2000:]),
    "skipped.zst": lambda data: b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zst(data),
    "x.zip": zipped,
    "stored.zip": lambda data: zipped(data, zipfile.ZIP_STORED),
    "streamed.zip": streamed_zip,
    "zip64.zip": zip64,
    "unnamed": zipped,
}


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def read(path: Path, size: int = 100_000) -> tuple[bytes, Torn | None]:
    """Read a file whole, checking what holds of all blocks."""
    found = list(blocks(path, size))
    torn: Torn | None = None
    if found and isinstance(found[-1], Torn):
        torn = found[-1]
        found.pop()
    line, data = 1, b""
    for k, block in enumerate(found):
        assert isinstance(block, Block)
        assert block.first_line == line
        assert block.data
        assert block.data.endswith(b"\n") or k == len(found) - 1
        line += block.data.count(b"\n")
        data += block.data
    if torn is not None:
        assert torn.line == line
    return data, torn


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("data", [LINES, LINES[:-7], b"one line", b"\n"])
def test_every_packing_gives_the_same_lines(tmp_path: Path, name: str, data: bytes) -> None:
    assert read(written(tmp_path, name, PACKED[name](data))) == (data, None)


@pytest.mark.parametrize("name", PACKED)
def test_an_empty_file_has_no_blocks(tmp_path: Path, name: str) -> None:
    assert list(blocks(written(tmp_path, name, b""))) == []
    assert list(blocks(written(tmp_path, name, PACKED[name](b"")))) == []


def test_blocks_are_about_as_long_as_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv.gz", gzip.compress(LINES, mtime=0))
    found = list(blocks(path, 200_000))
    assert len(found) > 2
    assert [block for block in blocks(path, 1 << 30) if isinstance(block, Torn)] == []
    assert len(list(blocks(path, 1 << 30))) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.csv.gz", "gzip stream ends early"),
        ("x.jsonl.zst", "zstd stream ends early"),
        ("x.zip", "zip entry ends early"),
        ("stored.zip", "zip entry ends early"),
        ("streamed.zip", "zip entry ends early"),
        ("zip64.zip", "zip entry ends early"),
    ],
)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_file_gives_all_that_is_there(
    tmp_path: Path,
    name: str,
    reason: str,
    part: float,
) -> None:
    packed = PACKED[name](LINES)
    data, torn = read(written(tmp_path, name, packed[: int(len(packed) * part)]))
    assert torn is not None
    assert torn.reason == reason
    assert LINES.startswith(data)
    # zstd gives whole blocks of 128 KiB, the others every byte.
    assert len(data) > len(LINES) * part - (200_000 if name.endswith("zst") else 9_000)


def test_a_zip_that_lost_only_its_directory_is_whole(tmp_path: Path) -> None:
    packed = zipped(LINES)
    path = written(tmp_path, "x.zip", packed[: packed.index(b"PK\x01\x02")])
    assert read(path) == (LINES, None)


def test_a_truncated_later_member_costs_only_itself(tmp_path: Path) -> None:
    path = written(tmp_path, "x.gz", gzip.compress(LINES, mtime=0) + gzip.compress(LINES)[:5])
    data, torn = read(path)
    assert data == LINES
    assert torn == Torn(60_001, "gzip stream ends early")


@pytest.mark.parametrize("name", ["x.csv.gz", "x.jsonl.zst", "x.zip"])
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_a_corrupt_file_gives_all_that_comes_before(
    tmp_path: Path,
    name: str,
    part: float,
) -> None:
    packed = bytearray(PACKED[name](LINES))
    at = int(len(packed) * part)
    packed[at : at + 64] = bytes(64)
    data, torn = read(written(tmp_path, name, bytes(packed)))
    assert torn is not None
    same = next((k for k, (a, b) in enumerate(zip(data, LINES, strict=False)) if a != b), len(data))
    assert same > len(LINES) * part - (200_000 if name.endswith("zst") else 9_000)


def test_what_a_failed_call_swallowed_is_given_out(tmp_path: Path) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = compressor.compress(LINES[:5000]) + compressor.flush(zlib.Z_FULL_FLUSH)
    # Block type 3 does not exist: the damage is exactly behind the first 5,000 bytes.
    data, torn = read(written(tmp_path, "x.gz", packed + b"\x07" + bytes(100)))
    assert data == LINES[:5000]
    assert torn is not None
    assert torn.reason.startswith("gzip stream is corrupt (")


@pytest.mark.parametrize(
    ("name", "at", "reason"),
    [
        ("x.csv.gz", -8, "gzip stream fails its CRC"),
        ("x.jsonl.zst", -1, "zstd stream fails its CRC"),
    ],
)
def test_a_wrong_crc_is_found_at_the_end(tmp_path: Path, name: str, at: int, reason: str) -> None:
    packed = bytearray(PACKED[name](LINES))
    packed[at] ^= 0xFF
    data, torn = read(written(tmp_path, name, bytes(packed)))
    assert torn is not None
    assert torn.reason == reason
    assert LINES.startswith(data)
    assert name.endswith("zst") or data == LINES


@pytest.mark.parametrize("name", ["x.zip", "stored.zip", "streamed.zip", "zip64.zip"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_zip_of_other_bytes_than_its_crc_says_is_found(
    tmp_path: Path,
    name: str,
    listed: bool,  # noqa: FBT001
) -> None:
    packed = PACKED[name](LINES)
    crc = struct.pack("<I", zlib.crc32(LINES))
    assert crc in packed
    spoilt = packed.replace(crc, b"\1\2\3\4")
    path = written(tmp_path, name, spoilt if listed else spoilt[: spoilt.index(b"PK\x01\x02")])
    data, torn = read(path)
    assert data == LINES
    assert torn is not None
    assert torn.reason.startswith("zip entry fails its CRC: expected 04030201")


def test_a_zip_of_another_length_than_it_says_is_found(tmp_path: Path) -> None:
    packed = zipped(LINES)
    length = struct.pack("<I", len(LINES))
    spoilt = packed.replace(length, struct.pack("<I", len(LINES) + 1))
    _, torn = read(written(tmp_path, "x.zip", spoilt))
    assert torn is not None
    assert torn.reason == f"zip entry has {len(LINES)} bytes, expected {len(LINES) + 1}"


def two_members() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "1\n")
        archive.writestr("b.csv", "2\n")
    return buffer.getvalue()


def no_member() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


def encrypted() -> bytes:
    packed = bytearray(zipped(LINES))
    packed[6] |= 1
    return bytes(packed)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (two_members(), "expected a zip of one member, found 2"),
        (two_members()[:-30], "expected a zip of one member, found another behind it"),
        (no_member(), "expected a zip of one member, found 0"),
        (encrypted(), "expected a zip without a password, found it encrypted"),
        (zipped(LINES, zipfile.ZIP_BZIP2), "expected a stored or deflated zip, found method 12"),
        (b"<html>not found</html>" * 9, "expected a zip, found b'<html>"),
        (gzip.compress(LINES, mtime=0), "expected a zip, found b'.x1f"),
    ],
)
def test_what_is_no_zip_of_one_readable_member_is_refused(
    tmp_path: Path,
    data: bytes,
    found: str,
) -> None:
    path = written(tmp_path, "BTCUSDT-trades-2024-07-24.zip", data)
    with pytest.raises(UnreadableInput, match=f"BTCUSDT-trades-2024-07-24.zip: {found}"):
        list(blocks(path))


@pytest.mark.parametrize("length", [1, 3, 10, 29, 32])
def test_a_zip_cut_in_its_header_is_torn(tmp_path: Path, length: int) -> None:
    path = written(tmp_path, "x.zip", zipped(LINES)[:length])
    assert list(blocks(path)) == [Torn(1, "zip entry is truncated")]


def test_a_line_without_end_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crypto_assets.lake.blocks.LONGEST_LINE", 3 << 20)
    path = written(tmp_path, "x.csv", b"a\n" + b"x" * (6 << 20))
    with pytest.raises(UnreadableInput, match="expected lines of at most 3145728 bytes, found"):
        list(blocks(path, 1 << 20))
    path = written(tmp_path, "y.csv", b"a\n" + b"x" * (2 << 20) + b"\nb\n")
    assert read(path, 1 << 20)[1] is None


def test_the_reading_thread_ends_when_the_reader_stops_early(tmp_path: Path) -> None:
    before = threading.active_count()
    found = blocks(written(tmp_path, "x.gz", gzip.compress(LINES, mtime=0)), 10_000)
    next(found)
    assert threading.active_count() == before + 1
    found.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(blocks(tmp_path / "absent.gz"))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(["x.csv.gz", "members.csv.gz", "x.jsonl.zst", "x.zip", "streamed.zip"]),
    places=st.lists(st.integers(0, 10**6), max_size=3),
    value=st.integers(1, 255),
    kept=st.floats(0, 1),
)
def test_no_damage_raises_anything_but_unreadable_input(
    tmp_path: Path,
    name: str,
    places: list[int],
    value: int,
    kept: float,
) -> None:
    packed = bytearray(PACKED[name](LINES[:30_000]))
    for place in places:
        packed[place % len(packed)] ^= value
    path = written(tmp_path, name, bytes(packed[: int(len(packed) * kept) + 1]))
    try:
        read(path, 4_000)
    except UnreadableInput as error:
        assert name in str(error)  # noqa: PT017


def test_a_checksum_is_of_the_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "x.zip", LINES)
    assert sha256_of(path) == hashlib.sha256(LINES).hexdigest()


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_published_checksum_is_read(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, "x.zip", LINES)
    assert published_checksum(path) is None
    written(tmp_path, "x.zip.CHECKSUM", f"{sha256_of(path)}  x.zip{end}".encode())
    assert published_checksum(path) == sha256_of(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "expected '<sha256>  x.zip', found b''"),
        (b"\xff\xfe", "expected '<sha256>  x.zip', found"),
        (b"<html>", "expected '<sha256>  x.zip', found b'<html>'"),
        (b"a" * 63 + b"  x.zip", "expected '<sha256>  x.zip', found"),
        (b"a" * 64 + b" x.zip", "expected '<sha256>  x.zip', found"),
        (b"a" * 64 + b"  y.zip", "expected the name x.zip, found y.zip"),
    ],
)
def test_a_malformed_checksum_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    path = written(tmp_path, "x.zip", LINES)
    written(tmp_path, "x.zip.CHECKSUM", content)
    with pytest.raises(UnreadableInput, match=found):
        published_checksum(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings in ../shared/data")
def test_official_files_match_their_checksums_and_read_whole() -> None:
    files = sorted((SHARED / "binance_spot" / "klines_1m").glob("*.zip"))
    assert files
    for path in files:
        assert published_checksum(path) == sha256_of(path)
        data, torn = read(path)
        assert torn is None
        assert data.count(b"\n") == 1440
