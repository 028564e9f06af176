"""Indicators of a real day: made of what is stored, left alone while that is the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import NothingStored, UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import query
from crypto_assets.pipeline.indicators import DERIVED, build, judge

Tree = dict[str, tuple[int, int, str]]


def faults(lake: Lake, day: Partition) -> list[str]:
    return [v.check for asset in DERIVED for v in judge(lake, asset, day) if not v.passed]


def test_a_real_day_has_indicators_that_pass_every_check(
    nexo_copy: Lake,
    day: Partition,
    tree: Callable[[Path], Tree],
) -> None:
    made = [build(nexo_copy, asset, day) for asset in DERIVED]
    assert [one.changed for one in made] == [True, True]
    assert list(made[0].manifest.parents) == ["bars 2024-07-23", "bars 2024-07-24"]
    assert faults(nexo_copy, day) == []
    before = tree(nexo_copy.layout.root)
    assert [build(nexo_copy, asset, day).changed for asset in DERIVED] == [False, False]
    assert tree(nexo_copy.layout.root) == before
    found = query.query(
        nexo_copy,
        "SELECT sum(p.volume) AS v, (SELECT sum(volume) FROM bars_1s WHERE date = '2024-07-24') b "
        "FROM volume_profile p WHERE p.date = '2024-07-24'",
    )
    assert found["v"][0] == found["b"][0] > 0
    (width,) = query.query(
        nexo_copy,
        "SELECT DISTINCT price_to - price_from AS width FROM volume_profile",
    )["width"]
    assert width == Decimal("0.001"), "the real tick of that day"


def test_the_view_of_days_has_a_row_a_stored_day(nexo_copy: Lake, day: Partition) -> None:
    for date in (day.previous, day, day.next):
        build(nexo_copy, "indicators", date)
    found = query.query(nexo_copy, "SELECT date, close, log_return FROM indicators_1d")
    assert found["date"].to_list() == [day.previous.date, day.date, day.next.date]
    assert found["close"].to_list() == [None, Decimal("1.193"), None], "two days are not whole"


def test_the_views_are_there_before_anything_is_made(lake: Lake) -> None:
    for view in ("indicators", "indicators_1d", "volume_profile"):
        assert query.query(lake, f"SELECT * FROM {view}").is_empty()


def test_hot_bars_are_taken_where_a_day_is_not_sealed(nexo_copy: Lake, day: Partition) -> None:
    sealed = [build(nexo_copy, asset, day).manifest.logical_hash for asset in DERIVED]
    for asset in ("daily_bars", "daily_trades"):
        shutil.rmtree(nexo_copy.layout.directory(asset, day))
    hot = [build(nexo_copy, asset, day).manifest.logical_hash for asset in DERIVED]
    assert hot == sealed


def test_days_before_that_came_later_are_told_of(nexo_copy: Lake, day: Partition) -> None:
    directory = nexo_copy.layout.directory("bars_1s", day.previous)
    sealed = nexo_copy.layout.directory("daily_bars", day.previous)
    kept = shutil.move(directory, directory.with_name("kept"))
    shutil.rmtree(sealed)
    alone = build(nexo_copy, "indicators", day).manifest.logical_hash
    assert not [v for v in judge(nexo_copy, "indicators", day) if not v.passed]
    shutil.move(kept, directory)
    (stale,) = [v for v in judge(nexo_copy, "indicators", day) if not v.passed]
    assert (stale.check, stale.is_fault) == ("derived_rows_are_of_what_is_stored", False)
    assert "bars 2024-07-23" in stale.message
    assert build(nexo_copy, "indicators", day).manifest.logical_hash != alone
    assert not [v for v in judge(nexo_copy, "indicators", day) if not v.passed]


def test_a_day_without_bars_has_none_and_says_so(lake: Lake, day: Partition) -> None:
    for asset in DERIVED:
        with pytest.raises(NothingStored, match="nothing is stored, build the day first"):
            build(lake, asset, day)


def test_a_damaged_file_stops_them_with_its_name(nexo_copy: Lake, day: Partition) -> None:
    for asset in ("daily_bars", "daily_trades"):
        path = nexo_copy.layout.file(asset, day)
        path.write_bytes(b"torn")
    for asset in DERIVED:
        with pytest.raises(UnreadableInput):
            build(nexo_copy, asset, day)


def test_a_row_altered_on_the_disk_is_judged_so(nexo_copy: Lake, day: Partition) -> None:
    made = build(nexo_copy, "indicators", day)
    pl.read_parquet(made.path, hive_partitioning=False).head(5).write_parquet(made.path)
    (verdict,) = judge(nexo_copy, "indicators", day)
    assert verdict.is_fault
    assert "manifest" in verdict.message
