"""An object is put once, verified, and never over what was not seen or is newer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.doors.warehouses import bucket_of
from crypto_assets.errors import CommitFailed, InvalidName, Refused, StreamLost
from crypto_assets.sinks.objects import Bucket, Checksum, outgoing_of, put
from crypto_assets.sinks.objects_s3 import S3Bucket
from crypto_assets_tests.gcs import Storage, serving
from crypto_assets_tests.sinks.conftest import Seal

KEY = "daily_trades/venue=binance/symbol=NEXOUSDT/date=2024-07-24/daily_trades.parquet"


@pytest.fixture
def storage() -> Iterator[Storage]:
    with serving() as found:
        yield found


@pytest.fixture
def bucket(storage: Storage) -> Bucket:
    pytest.importorskip("gcsfs", reason="the extra gcp is not installed")
    return bucket_of("gs://lake/prefix", storage.url)


def test_a_file_is_put_under_its_key_with_what_is_known_of_it(
    bucket: Bucket,
    storage: Storage,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    done = put(bucket, outgoing_of(sealed))
    assert (done.url, done.changed) == (f"gs://lake/prefix/{KEY}", True)
    assert storage.contents[f"prefix/{KEY}"] == sealed.path.read_bytes()
    assert storage.objects[f"prefix/{KEY}"]["metadata"] == {
        "sha256": sealed.sha256,
        "version": "1",
        "logical-hash": sealed.manifest.logical_hash,
        "rows": "10",
        "table": "trades",
        "schema-version": "2",
    }


def test_the_same_bytes_are_left_alone(bucket: Bucket, storage: Storage, seal: Seal) -> None:
    outgoing = outgoing_of(seal(range(10)))
    assert put(bucket, outgoing).changed
    assert not put(bucket, outgoing).changed
    assert storage.puts == 1


def test_a_later_version_takes_the_place_and_an_earlier_one_does_not(
    bucket: Bucket,
    storage: Storage,
    seal: Seal,
) -> None:
    first = seal(range(10))
    kept = first.path.read_bytes()
    put(bucket, outgoing_of(first))
    second = seal(range(9), version=2)
    assert put(bucket, outgoing_of(second)).changed
    assert storage.objects[f"prefix/{KEY}"]["metadata"]["version"] == "2"
    first.path.write_bytes(kept)
    with pytest.raises(Refused, match="expected version 1 or an earlier one there, found 2"):
        put(bucket, outgoing_of(first))
    assert storage.puts == 2


def test_of_two_that_put_the_same_one_finds_it_there(
    bucket: Bucket,
    storage: Storage,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    storage.overtake = sealed.path.read_bytes()
    assert not put(bucket, outgoing_of(sealed)).changed
    assert storage.puts == 0


def test_what_another_put_meanwhile_is_not_replaced_unseen(
    bucket: Bucket,
    storage: Storage,
    seal: Seal,
) -> None:
    put(bucket, outgoing_of(seal(range(10))))
    storage.overtake = b"another's"
    with pytest.raises(StreamLost, match="another put something else meanwhile"):
        put(bucket, outgoing_of(seal(range(9), version=2)))
    assert storage.contents[f"prefix/{KEY}"] == b"another's"


def test_bytes_the_store_keeps_wrongly_are_found_out(
    bucket: Bucket,
    storage: Storage,
    seal: Seal,
) -> None:
    storage.spoil = True
    outgoing = outgoing_of(seal(range(10)))
    with pytest.raises(CommitFailed, match="expected md5 "):
        put(bucket, outgoing)
    with pytest.raises(CommitFailed, match="expected md5 "):
        put(bucket, outgoing)


def test_an_object_cut_short_is_put_again(bucket: Bucket, storage: Storage, seal: Seal) -> None:
    sealed = seal(range(10))
    storage.store(f"prefix/{KEY}", sealed.path.read_bytes()[:100], {"sha256": sealed.sha256})
    assert put(bucket, outgoing_of(sealed)).changed
    data = storage.contents[f"prefix/{KEY}"]
    assert hashlib.sha256(data).hexdigest() == sealed.sha256


def test_who_may_not_is_told_so(bucket: Bucket, storage: Storage, seal: Seal) -> None:
    storage.deny = 403
    with pytest.raises(Refused, match="403"):
        put(bucket, outgoing_of(seal(range(10))))


def test_s3_is_reached_below_its_prefix() -> None:
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    bucket = bucket_of("s3://lake/", "http://127.0.0.1:1")
    assert isinstance(bucket, S3Bucket)
    assert bucket.url == "s3://lake"


@given(st.binary(min_size=32, max_size=32))
def test_a_checksum_is_the_same_in_base64(digest: bytes) -> None:
    found = Checksum("sha256", digest.hex())
    assert Checksum.of_base64("sha256", found.base64) == found


def test_a_store_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidName):
        bucket_of("file:///tmp", None)
