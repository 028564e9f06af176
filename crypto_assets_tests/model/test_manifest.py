"""A manifest says the same after being written and read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Input, Manifest

BARE = Manifest(
    table="trades",
    venue="binance",
    symbol="币安人生USDT",
    date="2024-07-24",
    rows=3,
    logical_hash="ab",
    schema_version=1,
    writer="crypto-assets",
)
FULL = msgspec.structs.replace(
    BARE,
    version=2,
    inputs=(
        Input(name="a.csv", sha256="1", source="archive", rows=2, checksum="verified"),
        Input(name="b.gz", sha256="2", source="stream", rows=1),
        Input(name="c.gz", sha256="3", source="stream", rows=4),
    ),
    parents={"raw_trades": "cd"},
    first_id=10,
    last_id=15,
    missing=((11, 12), (14, 14)),
    first_us=5,
    last_us=9,
    inversions=1,
    duplicates=2,
    conflicts=(10,),
    disordered=3,
    unreadable=4,
    recorded=((1, 2),),
)


@pytest.mark.parametrize("manifest", [BARE, FULL])
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert Manifest.decode(manifest.encode()) == manifest
    assert Manifest.decode(manifest.encode()).encode() == manifest.encode()


@given(st.sets(st.integers(0, 50), min_size=1))
def test_the_ids_of_a_file_follow_from_its_manifest(ids: set[int]) -> None:
    held = Coverage.of((id_, id_) for id_ in ids)
    manifest = msgspec.structs.replace(
        BARE,
        first_id=held.first,
        last_id=held.last,
        missing=held.missing,
    )
    assert Manifest.decode(manifest.encode()).coverage == held


def test_a_file_without_ids_covers_none() -> None:
    assert BARE.coverage == Coverage()


def test_rows_are_counted_by_source() -> None:
    assert FULL.sources == {"archive": 2, "stream": 5}


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b'"x"', b"{}", b'{"table":1}', BARE.encode().replace(b"3", b'"3"', 1),
     BARE.encode()[:-1], b"\xff", BARE.encode().replace(b"binance", b"bin\xff")],
)  # fmt: skip
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reader says
        Manifest.decode(text)
