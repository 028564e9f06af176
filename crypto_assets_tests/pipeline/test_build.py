"""Everything of a day is made in an order that has each asset after what it needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_assets.errors import NothingStored
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build, build_asset, frames_upstream, make
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of

DAY_MS = 1_721_779_200_000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = (f"{id_},1.5,2.0,3.0,{DAY_MS + id_ * 1_000},True,True\n" for id_ in range(50))
    path = tmp_path / "NEXOUSDT-trades-2024-07-24.csv"
    path.write_text("".join(rows))
    return path


def test_a_build_makes_every_asset_there_is_something_for(nexo: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    stored = {asset for asset in ASSETS if nexo.layout.files(asset, day)}
    assert stored == set(ASSETS) - {"klines", "gaps", "revisions"}


def test_a_build_from_the_kept_inputs_alone_gives_the_same_lake(
    nexo_copy: Lake,
    nexo: Lake,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    for asset in ASSETS:
        shutil.rmtree(nexo_copy.layout.root / asset, ignore_errors=True)
    build(nexo_copy, [day.previous, day, day.next])
    assert contents(nexo_copy.layout.root) == contents(nexo.layout.root)


def test_what_is_upstream_is_scanned_as_far_as_it_is_stored(
    lake: Lake,
    day: Partition,
    archive: Path,
) -> None:
    assert frames_upstream(lake, "bars_1s", day) == {}
    take(lake, archive)
    assert set(frames_upstream(lake, "bars_1s", day)) == {"raw_trades"}
    assert frames_upstream(lake, "raw_trades", day) == {}


def test_an_asset_can_be_made_alone(lake: Lake, day: Partition, archive: Path) -> None:
    take(lake, archive)
    (bars,) = build_asset(lake, "bars_1s", day)
    assert bars.manifest.rows == 86_400
    assert not lake.layout.files("daily_trades", day)


def test_making_an_asset_of_nothing_raises_and_building_it_keeps_the_reason(
    lake: Lake,
    day: Partition,
) -> None:
    with pytest.raises(NothingStored):
        make(lake, "raw_trades", day, {})
    assert build_asset(lake, "raw_trades", day) == []
    (fault, *_) = status_of(lake, day).faults
    assert (fault.asset, fault.check) == ("raw_trades", "is_made")


def test_a_partition_that_cannot_be_made_does_not_stop_the_others(
    lake: Lake,
    day: Partition,
    archive: Path,
) -> None:
    take(lake, archive)
    build(lake, [day.previous, day, day.next])
    assert [status_of(lake, one).condition for one in (day.previous, day, day.next)] == [
        "missing",
        "provisional",
        "missing",
    ]
