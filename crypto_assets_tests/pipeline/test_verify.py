"""Whoever changes a sealed file is found out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.lake.parquet import MANIFEST_KEY
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.verify import verify


def faults(lake: Lake) -> dict[str, str]:
    return {checked.path: checked.fault for checked in verify(lake) if checked.fault is not None}


def sealed(lake: Lake, asset: str = "daily_trades", date: str = "2024-07-24") -> Path:
    return lake.layout.file(asset, Partition.of("binance", "NEXOUSDT", date))


def sign(path: Path) -> None:
    """Write the sidecar a forger would."""
    sidecar_of(path).write_text(f"{sha256_of(path)}  {path.name}\n")


def test_a_lake_nobody_touched_passes(nexo: Lake) -> None:
    checked = list(verify(nexo))
    assert len(checked) == 9
    assert faults(nexo) == {}


def test_an_empty_lake_has_nothing_to_check(lake: Lake) -> None:
    assert list(verify(lake)) == []


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def flip_and_sign(path: Path) -> None:
    flip(path)
    sign(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_and_sign(path: Path) -> None:
    cut(path)
    sign(path)


def rewrite(path: Path, rows: pl.DataFrame) -> None:
    """Write other rows under the old manifest, and a matching sidecar."""
    old = pq.read_schema(path)
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(old.remove_metadata())
    manifest = pq.read_metadata(path).metadata[MANIFEST_KEY]
    pq.write_table(table.replace_schema_metadata({MANIFEST_KEY: manifest}), path)
    sign(path)


def change_a_price(path: Path) -> None:
    rows = pl.read_parquet(path, hive_partitioning=False)
    bumped = pl.when(pl.int_range(pl.len()) == 7).then(pl.col("price") * 2)
    rewrite(
        path, rows.with_columns(bumped.otherwise("price").cast(pl.Decimal(18, 8)).alias("price"))
    )


def drop_a_row(path: Path) -> None:
    rewrite(path, pl.read_parquet(path, hive_partitioning=False).slice(1))


def swap_two_rows(path: Path) -> None:
    rows = pl.read_parquet(path, hive_partitioning=False)
    rewrite(path, pl.concat([rows[1:2], rows[0:1], rows[2:]]))


def lose_the_manifest(path: Path) -> None:
    pl.read_parquet(path, hive_partitioning=False).write_parquet(path)
    sign(path)


def become_text(path: Path) -> None:
    path.write_text("hello")
    sign(path)


def lose_the_sidecar(path: Path) -> None:
    sidecar_of(path).unlink()


def another_sidecar(path: Path) -> None:
    sidecar_of(path).write_text(f"{'0' * 64}  {path.name}\n")


def sidecar_of_another_name(path: Path) -> None:
    sidecar_of(path).write_text(f"{sha256_of(path)}  other.parquet\n")


def binary_sidecar(path: Path) -> None:
    sidecar_of(path).write_bytes(b"\xff\xfe\x00")


def lose_the_file(path: Path) -> None:
    path.unlink()


def another_days_file(path: Path) -> None:
    other = path.parent.with_name("date=2024-07-25")
    for name in (path.name, sidecar_of(path).name):
        shutil.copyfile(other / name, path.with_name(name))


TAMPERINGS: dict[Callable[[Path], None], str] = {
    flip: "its sidecar says sha256",
    flip_and_sign: "",
    cut: "its sidecar says sha256",
    cut_and_sign: "expected a Parquet file",
    change_a_price: "its manifest says logical hash",
    drop_a_row: "its manifest says logical hash",
    swap_two_rows: "its manifest says logical hash",
    lose_the_manifest: "expected a manifest in the footer",
    become_text: "expected a Parquet file",
    lose_the_sidecar: "it has no .sha256 beside it",
    another_sidecar: "its sidecar says sha256 0000",
    sidecar_of_another_name: "its sidecar says",
    binary_sidecar: "its sidecar says",
    lose_the_file: "its checksum is there, the file is gone",
    another_days_file: "its manifest says it is trades binance NEXOUSDT 2024-07-25",
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_kind_of_tampering_is_reported_with_its_path(
    tamper: Callable[[Path], None],
    nexo_copy: Lake,
) -> None:
    path = sealed(nexo_copy)
    tamper(path)
    (found,) = faults(nexo_copy).items()
    assert found[0] == str(path.relative_to(nexo_copy.layout.root))
    assert TAMPERINGS[tamper] in found[1]
    assert "\n" not in found[1]


@pytest.mark.parametrize("asset", ["daily_trades", "daily_quotes", "daily_bars"])
def test_every_sealed_asset_is_checked(asset: str, nexo_copy: Lake) -> None:
    flip(sealed(nexo_copy, asset))
    assert list(faults(nexo_copy)) == [
        f"{asset}/venue=binance/symbol=NEXOUSDT/date=2024-07-24/{asset}.parquet",
    ]


def test_a_second_file_beside_a_sealed_one_is_reported(nexo_copy: Lake) -> None:
    path = sealed(nexo_copy)
    shutil.copyfile(path, path.with_name("copy.parquet"))
    assert list(faults(nexo_copy).values()) == ["it has no .sha256 beside it"]
