"""Claims hold of the lake they are made of, and do not hold of any other."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from crypto_assets.demo import proof, recorded, story
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

DAY = recorded.WHOLE_DAY


def lake_of(root: Path, *names: str, days: tuple[Partition, ...] = recorded.NEXO) -> Lake:
    lake = Lake(root)
    for name in names:
        take(lake, recorded.path(name))
    build(lake, days)
    return lake


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of(tmp_path_factory.mktemp("whole"), *recorded.NEXO_CAPTURES)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The damaged copy of the first of the two recordings, and the second as it is."""
    root = tmp_path_factory.mktemp("spoilt")
    path = root / story.DAMAGED_NAME
    path.write_bytes(story.damaged_recording().data)
    lake = Lake(root)
    take(lake, path)
    take(lake, recorded.path(recorded.NEXO_CAPTURES[1]))
    build(lake, recorded.NEXO)
    return lake


@pytest.fixture(scope="module")
def midnight(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    names = (*recorded.BTC_CAPTURES, *recorded.BTC_KLINES)
    return lake_of(tmp_path_factory.mktemp("midnight"), *names, days=recorded.BTC)


def test_a_whole_day_is_claimed_whole(whole: Lake) -> None:
    claims = proof.whole_day(whole, DAY, recorded.WHOLE_DAY_IDS)
    assert [claim.holds for claim in claims] == [True] * 4
    assert "12,215 ids; the day has 12,215 trades" in claims[1].says


def test_a_day_with_holes_is_not_claimed_whole(spoilt: Lake) -> None:
    claims = proof.whole_day(spoilt, DAY, recorded.WHOLE_DAY_IDS)
    assert [claim.holds for claim in claims] == [True, False, True, False]
    assert "12,158 trades" in claims[1].says


@pytest.mark.parametrize("ids", [(12_796_827, 12_809_042), (12_796_828, 12_809_043)])
def test_other_ids_than_promised_are_not_claimed(whole: Lake, ids: tuple[int, int]) -> None:
    assert not all(claim.holds for claim in proof.whole_day(whole, DAY, ids))


def test_whole_minutes_equal_the_klines(midnight: Lake) -> None:
    claim = proof.parity(midnight, recorded.BTC, 10)
    assert claim.holds
    assert claim.says.startswith("10 of 10 whole minutes (2024-08-08 23:55 to 2024-08-09 00:04)")


def test_fewer_minutes_than_promised_are_not_claimed(midnight: Lake) -> None:
    assert not proof.parity(midnight, recorded.BTC, 11).holds
    assert not proof.parity(midnight, [recorded.BTC_EVENING], 10).holds


def test_a_kline_that_differs_in_its_last_decimal_is_seen(midnight: Lake, tmp_path: Path) -> None:
    name = recorded.BTC_KLINES[1]
    rows = gzip.decompress(recorded.path(name).read_bytes()).decode().splitlines()
    fields = rows[2].split(",")
    assert len(fields[10].partition(".")[2]) == 8
    units = int(fields[10].replace(".", "")) + 1
    fields[10] = f"{units // 10**8}.{units % 10**8:08d}"
    rows[2] = ",".join(fields)
    (tmp_path / name).write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))
    shutil.copytree(midnight.layout.root, tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    take(lake, tmp_path / name)
    claim = proof.parity(lake, recorded.BTC, 10)
    assert not claim.holds
    assert claim.says.startswith("9 of 10 whole minutes")


@pytest.mark.parametrize("day", recorded.BTC)
def test_the_klines_tell_which_ids_were_not_recorded(midnight: Lake, day: Partition) -> None:
    missing = recorded.BTC_MISSING[day]
    claim = proof.lost(midnight, day, missing)
    assert claim.holds
    assert f"ids {missing[0]} to {missing[1]}" in claim.says
    assert proof.known_missing(midnight, day) == missing[1] - missing[0] + 1
    assert not proof.lost(midnight, day, (missing[0], missing[1] - 1)).holds


def test_without_klines_nothing_is_claimed_lost(whole: Lake) -> None:
    assert not proof.lost(whole, DAY, (1, 2)).holds


def test_exactly_the_ids_taken_out_are_claimed_missing(spoilt: Lake) -> None:
    lost = story.damaged_recording().lost
    assert all(claim.holds for claim in proof.broken(spoilt, DAY, lost, 20))
    assert [c.holds for c in proof.broken(spoilt, DAY, lost[1:], 20)] == [True, False, True]
    assert [c.holds for c in proof.broken(spoilt, DAY, lost, 19)] == [True, True, False]
    assert proof.known_missing(spoilt, DAY) == 57


def test_a_whole_day_is_not_claimed_broken(whole: Lake) -> None:
    assert not any(claim.holds for claim in proof.broken(whole, DAY, [(1, 1)], 20))


def test_a_tear_is_claimed_only_of_a_torn_file(whole: Lake, spoilt: Lake) -> None:
    torn = spoilt.layout.root / story.DAMAGED_NAME
    assert proof.torn(take(spoilt, torn).record).holds
    assert not proof.torn(take(whole, recorded.path(recorded.NEXO_CAPTURES[0])).record).holds


def test_a_day_that_was_not_healed_is_not_claimed_so(whole: Lake, spoilt: Lake) -> None:
    assert not any(claim.holds for claim in proof.healed(spoilt, whole, DAY))


def test_another_sealed_file_is_not_claimed_the_same(whole: Lake, tmp_path: Path) -> None:
    shutil.copytree(whole.layout.root, tmp_path / "lake")
    other = Lake(tmp_path / "lake")
    trades = other.layout.file("daily_trades", DAY)
    trades.write_bytes(other.layout.file("daily_trades", DAY.next).read_bytes())
    holds = [claim.holds for claim in proof.healed(other, whole, DAY)]
    assert holds == [True, False, True]
