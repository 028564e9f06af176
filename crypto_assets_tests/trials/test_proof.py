"""What the trials prove things with fails where it must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.trials.loopback import ROOT
from crypto_assets_tests.trials.proof import (
    Held,
    damage,
    held,
    is_flat,
    not_exactly_once,
    plateaus,
)

RECORDING = ROOT / "crypto_assets_tests" / "recordings" / "binance-nexousdt-2024-07-23.jsonl"
DAY = Partition.of("binance", "NEXOUSDT", "2024-07-23")
ISSUED = (1_000, 1_999)
WHOLE = Held(Coverage.of([ISSUED]), 1_000, 1_000, 1_000, conflicts=0, duplicates=3, disordered=2)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(tmp_path / "lake")
    take(found, RECORDING)
    build(found, [DAY])
    return found


def test_every_id_exactly_once_is_proven() -> None:
    assert not_exactly_once(WHOLE, ISSUED) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(WHOLE, coverage=Coverage.of([(1_000, 1_498), (1_500, 1_999)])), "(1499, 1499)"),
        (replace(WHOLE, coverage=Coverage.of([(1_000, 2_000)])), "(2000, 2000)"),
        (replace(WHOLE, summarised=1_001), "found 1001 summarised"),
        (replace(WHOLE, rows=1_001), "found 1001 read"),
        (replace(WHOLE, unique=999), "found 999 different"),
        (replace(WHOLE, conflicts=1), "found 1 with several"),
    ],
)
def test_what_is_lost_doubled_or_foreign_is_said(found: Held, said: str) -> None:
    [fault] = not_exactly_once(found, ISSUED)
    assert said in fault


def test_a_lake_is_looked_at_in_three_ways_that_agree(lake: Lake) -> None:
    found = held(lake, "NEXOUSDT")
    first, last = found.coverage.first, found.coverage.last
    assert first is not None
    assert last is not None
    assert not_exactly_once(found, (first, last)) == []


def test_memory_that_goes_on_growing_is_told_from_a_plateau() -> None:
    assert is_flat([30.0] * 20 + [60.0] * 80)
    assert is_flat([60.0] * 80 + [91.0] * 20)
    assert not is_flat([60.0] * 80 + [93.0] * 20)
    with pytest.raises(ValueError, match="found 4"):
        plateaus([1.0] * 4)


def test_a_lake_without_a_fault_has_none(lake: Lake) -> None:
    assert damage(lake) == []


@pytest.mark.parametrize("asset", ["raw_trades", "bars_1s", "verdicts"])
def test_a_torn_file_is_told(lake: Lake, asset: str) -> None:
    [path] = lake.layout.files(asset, DAY)
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])
    assert any(path.name in fault for fault in damage(lake))


def test_a_sealed_file_without_its_checksum_is_told(lake: Lake) -> None:
    sidecar_of(lake.layout.file("daily_bars", DAY)).unlink()
    assert any("daily_bars" in fault for fault in damage(lake))


@pytest.mark.parametrize(
    "name",
    ["raw_trades/.x.parquet.1.tmp", "inputs/x/.scratch/trades", "segments/x/1.jsonl.zst.open"],
)
def test_what_is_unfinished_is_told(lake: Lake, name: str) -> None:
    path = lake.layout.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert any("unfinished" in fault for fault in damage(lake))
