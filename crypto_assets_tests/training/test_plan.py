"""A plan is every row of proven, sealed days within a span, and nothing of any other day."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import Incomplete, InvalidName, NothingStored
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.span import Span
from crypto_assets.training import Plan, plan
from crypto_assets.training.plan import _runs
from crypto_assets_tests.joined import FIRST, FOURTH, PER_DAY, SECOND, THIRD

NEXO = SECOND.instrument


def times_of(found: Plan) -> list[int]:
    return [
        at
        for shard in found.shards
        for at in pl.read_parquet(shard.path, hive_partitioning=False)["ts_event"]
        .to_physical()
        .slice(shard.group_start + shard.start, shard.rows)
        .to_list()
    ]


def test_a_plan_is_of_row_groups_of_sealed_files(planned: Plan) -> None:
    assert [(one.group_start, one.group_rows) for one in planned.shards[:6]] == [
        *((start, 90) for start in range(0, 450, 90)),
        (450, 50),
    ]
    assert planned.rows == 2 * PER_DAY
    assert {one.path.name for one in planned.shards} == {"daily_trades.parquet"}


@settings(max_examples=25)
@given(st.integers(0, 2 * DAY_US - 1), st.integers(1, 2 * DAY_US))
def test_a_plan_is_what_lies_in_its_span(lake: Lake, start: int, length: int) -> None:
    end = min(start + length, 2 * DAY_US)
    span = Span(SECOND.start_us + start, SECOND.start_us + end)
    every = pl.concat([lake.scan("daily_trades", day) for day in (SECOND, THIRD)]).collect()
    times = every["ts_event"].to_physical().to_list()
    expected = [at for at in times if span.start_us <= at < span.end_us]
    assert times_of(plan(lake, "trades", [NEXO], span)) == expected


def test_days_that_are_not_proven_or_not_sealed_are_refused_or_left_out(lake: Lake) -> None:
    everything = Span(FIRST.previous.start_us, FOURTH.end_us)
    with pytest.raises(Incomplete, match="found 3 that are not"):
        plan(lake, "trades", [NEXO], everything)
    found = plan(lake, "trades", [NEXO], everything, unproven="skip")
    assert found.rows == 2 * PER_DAY
    with pytest.raises(InvalidName, match="refuse or skip"):
        plan(lake, "trades", [NEXO], everything, unproven="take")  # type: ignore[arg-type]


def test_a_proven_day_that_is_still_hot_is_refused(lake: Lake, tmp_path: Path, both: Span) -> None:
    shutil.copytree(lake.layout.root, tmp_path / "lake")
    copy = Lake(tmp_path / "lake")
    shutil.rmtree(copy.layout.directory("daily_trades", SECOND))
    with pytest.raises(Incomplete, match="still to be built"):
        plan(copy, "trades", [NEXO], both)
    assert plan(copy, "trades", [NEXO], both, unproven="skip").rows == PER_DAY


def test_the_contents_of_a_plan_change_with_files_and_rows(
    lake: Lake, tmp_path: Path, both: Span, planned: Plan
) -> None:
    assert plan(lake, "trades", [NEXO], both).contents == planned.contents
    less = Span(both.start_us + DAY_US // 2, both.end_us)
    assert plan(lake, "trades", [NEXO], less).contents != planned.contents
    shutil.copytree(lake.layout.root, tmp_path / "lake")
    copy = Lake(tmp_path / "lake")
    assert plan(copy, "trades", [NEXO], both).contents == planned.contents
    rows = copy.scan("daily_trades", SECOND).with_columns(
        pl.col("quantity").reverse(), pl.lit(None, pl.Datetime("us", "UTC")).alias("ts_recv")
    )
    # Held against its parts it would be refused: a day whose parts were cleared away has none.
    shutil.rmtree(copy.layout.directory("raw_trades", SECOND))
    copy.commit("daily_trades", SECOND, Draft(rows=rows))
    assert plan(copy, "trades", [NEXO], both).contents != planned.contents


def test_times_that_run_backwards_are_cut_exactly(tmp_path: Path, planned: Plan) -> None:
    times = [10, 20, 15, 30, 25, 40]
    path = tmp_path / "x.parquet"
    pl.DataFrame({"ts_event": pl.Series(times).cast(pl.Datetime("us", "UTC"))}).write_parquet(path)
    assert _runs(path, planned.table, Span(16, 30), 0, 6) == [(1, 2), (4, 5)]
    assert _runs(path, planned.table, Span(0, 50), 2, 3) == [(0, 3)]
    assert _runs(path, planned.table, Span(50, 60), 0, 6) == []


def test_a_lake_that_is_not_there_and_a_symbol_without_a_day_are_refused(
    lake: Lake, tmp_path: Path, both: Span
) -> None:
    with pytest.raises(NothingStored):
        plan(Lake(tmp_path / "none"), "trades", [NEXO], both)
    with pytest.raises(InvalidName, match="trades, bars_1s"):
        plan(lake, "quotes", [NEXO], both)
    with pytest.raises(Incomplete, match="nothing stored"):
        plan(lake, "trades", [NEXO, Instrument("binance", "ABCUSDT")], both)
