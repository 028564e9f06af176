"""Sealed days in S3, as moto plays it: verified, read by others, and never put over unseen."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from crypto_assets.demo import recorded
from crypto_assets.doors.warehouses import bucket_of
from crypto_assets.errors import CommitFailed, Refused, StreamLost
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.sealed import Kept
from crypto_assets.pipeline.uploading import Uploaded, upload_days
from crypto_assets.sinks.objects import (
    Checksum,
    Object,
    Outgoing,
    Overtaken,
    Put,
    outgoing_of,
    put,
)
from crypto_assets.sinks.objects_s3 import S3Bucket
from crypto_assets.sinks.sealed import Sealed
from crypto_assets_tests.trials import emulators
from crypto_assets_tests.trials.emulators import Emulator

DAY, ASSETS = recorded.WHOLE_DAY, ("daily_trades", "daily_bars", "daily_quotes")
KEY = f"venue=binance/symbol=NEXOUSDT/date={DAY.date}"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the real day."""
    lake = Lake(tmp_path_factory.mktemp("nexo") / "lake")
    for name in recorded.NEXO_CAPTURES:
        take(lake, recorded.path(name))
    build(lake, list(recorded.NEXO))
    return lake.layout.root


@pytest.fixture
def lake(built: Path, tmp_path: Path) -> Lake:
    return Lake(shutil.copytree(built, tmp_path / "lake"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulators.s3(tmp_path_factory.mktemp("s3") / "moto") as found:
        yield found


@pytest.fixture
def bucket(
    store: Emulator,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> S3Bucket:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-60:].strip("-")
    found = bucket_of(f"s3://{name}/lake", store.url)
    assert isinstance(found, S3Bucket)
    found._store.mkdir(name)
    return found


def puts(done: list[Uploaded]) -> list[Put]:
    assert not [one for one in done if isinstance(one, Kept)]
    return [one for one in done if isinstance(one, Put)]


def sealed(lake: Lake, rows: pl.DataFrame, version: int) -> Sealed:
    committed = lake.commit("daily_trades", DAY, Draft(rows=[rows], version=version))
    return Sealed(
        "daily_trades",
        DAY,
        committed.path,
        committed.manifest,
        committed.sha256,
        "complete",
    )


def test_a_day_is_put_once_with_its_checksums(lake: Lake, bucket: S3Bucket) -> None:
    done = puts(upload_days(lake, bucket, ASSETS, [DAY]))
    assert [one.url.removeprefix(f"{bucket.url}/") for one in done] == [
        f"{asset}/{KEY}/{asset}.parquet{end}" for asset in ASSETS for end in ("", ".sha256")
    ]
    assert all(one.changed for one in done)
    for one in done:
        data = bucket._store.cat(one.url)
        local = lake.layout.root / one.url.removeprefix(f"{bucket.url}/")
        assert hashlib.sha256(data).digest() == hashlib.sha256(local.read_bytes()).digest()
    assert not any(one.changed for one in puts(upload_days(lake, bucket, ASSETS, [DAY])))


def test_polars_and_duckdb_read_the_objects_as_they_lie(
    lake: Lake,
    bucket: S3Bucket,
    store: Emulator,
) -> None:
    puts(upload_days(lake, bucket, ASSETS, [DAY]))
    expected = lake.scan("daily_trades", DAY).collect()
    options = {
        "aws_endpoint_url": store.url,
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    glob = f"{bucket.url}/daily_trades/**/*.parquet"
    found = pl.scan_parquet(glob, storage_options=options, hive_partitioning=True).collect()
    assert found.select(expected.columns).equals(expected)
    assert found["symbol"].unique().to_list() == ["NEXOUSDT"]

    with duckdb.connect() as connection:
        connection.register_filesystem(bucket._store)
        sql = (
            "SELECT symbol, count(*), count(DISTINCT trade_id), sum(price) "
            f"FROM read_parquet('{glob}', hive_partitioning = true) GROUP BY symbol"
        )
        (row,) = connection.execute(sql).fetchall()
    assert row == ("NEXOUSDT", 12_215, 12_215, expected["price"].cast(pl.Decimal(38, 8)).sum())


def test_a_day_sealed_anew_takes_the_place_and_an_earlier_one_does_not(
    lake: Lake,
    bucket: S3Bucket,
) -> None:
    rows = lake.scan("daily_trades", DAY).collect()
    first = sealed(lake, rows, 1)
    kept = first.path.read_bytes()
    assert put(bucket, outgoing_of(first)).changed
    second = sealed(lake, rows.head(12_000), 2)
    assert put(bucket, outgoing_of(second)).changed
    first.path.write_bytes(kept)
    with pytest.raises(Refused, match="found 2"):
        put(bucket, outgoing_of(first))
    found = bucket.head(first.key)
    assert found is not None
    assert (found.sha256, found.version) == (second.sha256, 2)


def test_of_eight_that_put_at_once_one_does(lake: Lake, bucket: S3Bucket) -> None:
    outgoing = outgoing_of(sealed(lake, lake.scan("daily_trades", DAY).collect(), 1))
    outcomes: list[str] = []
    ready = threading.Barrier(8)

    def one() -> None:
        ready.wait()
        try:
            bucket.put(outgoing, None)
        except Overtaken:
            outcomes.append("overtaken")
        else:
            outcomes.append("put")

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["overtaken"] * 7 + ["put"]


class Late:
    """A bucket into which another puts something just before we do."""

    def __init__(self, bucket: S3Bucket, other: Outgoing) -> None:
        self.url, self._bucket, self._other = bucket.url, bucket, other

    def head(self, key: str) -> Object | None:
        return self._bucket.head(key)

    def put(self, outgoing: Outgoing, instead_of: Object | None) -> None:
        self._bucket.put(self._other, self._bucket.head(outgoing.key))
        self._bucket.put(outgoing, instead_of)


def test_what_another_put_meanwhile_is_not_replaced_unseen(
    lake: Lake,
    bucket: S3Bucket,
    tmp_path: Path,
) -> None:
    rows = lake.scan("daily_trades", DAY).collect()
    other = Lake(tmp_path / "other")
    theirs = outgoing_of(sealed(other, rows.head(11_000), 2))
    put(bucket, outgoing_of(sealed(lake, rows, 1)))
    with pytest.raises(StreamLost, match="another put something else meanwhile"):
        put(Late(bucket, theirs), outgoing_of(sealed(lake, rows.head(12_000), 2)))
    found = bucket.head(theirs.key)
    assert found is not None
    assert found.sha256 == theirs.sha256


def test_the_stores_own_checksum_is_that_of_the_file(
    lake: Lake,
    bucket: S3Bucket,
) -> None:
    one = sealed(lake, lake.scan("daily_trades", DAY).collect(), 1)
    put(bucket, outgoing_of(one))
    found = bucket.head(one.key)
    assert found is not None
    # S3 refuses other bytes, and tells the sha256; moto tells the md5 alone.
    data = one.path.read_bytes()
    assert found.checksum == Checksum("md5", hashlib.md5(data).hexdigest())


def test_bytes_the_store_keeps_wrongly_are_found_out(lake: Lake, bucket: S3Bucket) -> None:
    one = sealed(lake, lake.scan("daily_trades", DAY).collect(), 1)
    outgoing = outgoing_of(one)
    put(bucket, outgoing)
    data = bytearray(one.path.read_bytes())
    data[100] ^= 1
    spoilt = f"{bucket.url}/{one.key}".removeprefix("s3://").partition("/")
    bucket._store.call_s3(
        "put_object",
        Bucket=spoilt[0],
        Key=spoilt[2],
        Body=bytes(data),
        Metadata=outgoing.labels,
    )
    with pytest.raises(CommitFailed, match="expected md5"):
        put(bucket, outgoing)


def test_a_bucket_that_is_not_there_is_named(lake: Lake, store: Emulator, bucket: S3Bucket) -> None:
    other = bucket_of("s3://nobodys-bucket", store.url)
    (kept,) = upload_days(lake, other, ("daily_trades",), [DAY])
    assert isinstance(kept, Kept)
    assert "NoSuchBucket" in str(kept)


def test_an_unproven_day_is_not_put(lake: Lake, bucket: S3Bucket) -> None:
    (kept,) = upload_days(lake, bucket, ASSETS, [DAY.next])
    assert isinstance(kept, Kept)
    assert ": provisional (an edge" in str(kept)
