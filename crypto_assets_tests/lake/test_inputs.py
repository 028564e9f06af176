"""Every imported file is kept verbatim, with what came of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from crypto_assets.errors import ChecksumMismatch, InvalidName, UnreadableInput
from crypto_assets.lake.inputs import Inputs, Landed, Record
from crypto_assets.lake.layout import Layout

RECORD = Record(
    id="BTCUSDT-trades-2024-08-09",
    name="BTCUSDT-trades-2024-08-09.zip",
    venue="binance",
    kind="trades",
    source="archive",
    sha256=hashlib.sha256(b"rows").hexdigest(),
    bytes=4,
    checksum="verified",
    landed=(
        Landed(asset="raw_trades", symbol="BTCUSDT", date="2024-08-09", part="x", rows=1),
        Landed(asset="raw_trades", symbol="BTCUSDT", date="2024-08-10", part="x", rows=1),
    ),
)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(Layout(tmp_path / "lake"), "binance")


def kept(inputs: Inputs, tmp_path: Path, data: bytes, record: Record = RECORD) -> Path:
    (tmp_path / record.name).write_bytes(data)
    record = msgspec.structs.replace(record, sha256=hashlib.sha256(data).hexdigest())
    return inputs.keep(tmp_path / record.name, record)


def test_a_kept_file_has_the_same_bytes_and_name(inputs: Inputs, tmp_path: Path) -> None:
    path = kept(inputs, tmp_path, b"rows")
    assert path.read_bytes() == b"rows"
    assert path.name == RECORD.name
    inputs.check(RECORD)


def test_a_later_version_of_a_file_lies_beside_the_earlier_one(
    inputs: Inputs,
    tmp_path: Path,
) -> None:
    first, second = kept(inputs, tmp_path, b"rows"), kept(inputs, tmp_path, b"more rows")
    assert (first.read_bytes(), second.read_bytes()) == (b"rows", b"more rows")
    assert first.parents[1] == second.parents[1]


def test_a_file_that_grows_while_it_is_read_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    (tmp_path / "growing.zip").write_bytes(b"rows and more")
    with pytest.raises(UnreadableInput, match=r"growing\.zip: its bytes changed"):
        inputs.keep(tmp_path / "growing.zip", RECORD)
    assert not inputs.path(RECORD).exists()


def test_bytes_that_are_gone_or_changed_are_named(inputs: Inputs, tmp_path: Path) -> None:
    path = kept(inputs, tmp_path, b"rows")
    path.write_bytes(b"rowt")
    with pytest.raises(ChecksumMismatch, match=f"{RECORD.sha256}, found"):
        inputs.check(RECORD)
    path.unlink()
    with pytest.raises(UnreadableInput, match="expected the bytes of an imported file, found none"):
        inputs.check(RECORD)


def test_dropping_a_file_leaves_its_other_versions(inputs: Inputs, tmp_path: Path) -> None:
    first, second = kept(inputs, tmp_path, b"rows"), kept(inputs, tmp_path, b"more rows")
    inputs.drop(RECORD)
    assert not first.exists()
    assert second.exists()


def test_a_record_is_found_as_it_was_written(inputs: Inputs) -> None:
    assert inputs.find(RECORD.id) is None
    assert list(inputs) == []
    inputs.write(RECORD)
    assert inputs.find(RECORD.id) == RECORD
    assert list(inputs) == [RECORD]


def test_records_are_found_by_what_landed(inputs: Inputs) -> None:
    other = msgspec.structs.replace(RECORD, id="other", landed=())
    for record in (RECORD, other):
        inputs.write(record)
    assert inputs.of("raw_trades", [("BTCUSDT", "2024-08-10")]) == [RECORD]
    assert inputs.of("raw_trades", [("ETHUSDT", "2024-08-10"), ("BTCUSDT", "2024-08-11")]) == []
    assert inputs.of("raw_quotes", [("BTCUSDT", "2024-08-10")]) == []


def test_an_input_that_was_kept_and_not_taken_to_its_end_has_no_record(
    inputs: Inputs,
    tmp_path: Path,
) -> None:
    kept(inputs, tmp_path, b"rows")
    assert inputs.find(RECORD.id) is None
    assert list(inputs) == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"id": 1}', b"\xff", b'{"id": "\xff"}'])
def test_a_record_that_is_none_is_named(text: bytes, inputs: Inputs) -> None:
    inputs.write(RECORD)
    (path,) = inputs.directory.glob("*/record.json")
    path.write_bytes(text)
    with pytest.raises(UnreadableInput, match=r"record\.json: expected the record of an input"):
        inputs.find(RECORD.id)


@pytest.mark.parametrize("name", ["../x", "", ".x", "a b"])
def test_names_that_would_leave_the_lake_are_refused(name: str, inputs: Inputs) -> None:
    with pytest.raises(InvalidName):
        inputs.find(name)
    with pytest.raises(InvalidName):
        inputs.lock(msgspec.structs.replace(RECORD, id=name))
    with pytest.raises(InvalidName):
        inputs.path(msgspec.structs.replace(RECORD, name=name))
