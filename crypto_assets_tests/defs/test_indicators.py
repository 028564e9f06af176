"""Indicators in Dagster: after the day's own assets, and no day waits for them."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from crypto_assets.defs.automation import RANGE_END, RANGE_START
from crypto_assets.defs.indicators import (
    daily_indicators,
    derived,
    derived_checks,
    indicators_day,
)
from crypto_assets.defs.wiring import resources_of
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.indicators import DERIVED
from crypto_assets_tests.defs.conftest import DAYS, partition


def executed(
    lake: Lake, instance: dg.DagsterInstance, first: str, last: str
) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=derived,
        asset_checks=derived_checks,
        jobs=[indicators_day],
        resources=resources_of(lake.layout.root),
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def(indicators_day.name).execute_in_process(
        instance=instance,
        tags={RANGE_START: f"{first}|BTCUSDT", RANGE_END: f"{last}|BTCUSDT"},
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def test_a_range_of_days_is_one_run_and_a_day_without_bars_is_no_fault(
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    build(lake, [partition(DAYS[0]), partition(DAYS[1])])
    result = executed(lake, instance, DAYS[0], "2024-03-04")
    assert result.success
    for asset in ("indicators", "volume_profile"):
        found = set(instance.get_materialized_partitions(dg.AssetKey(asset)))
        expected = {f"{day}|BTCUSDT" for day in DAYS[:2]}
        if asset == "volume_profile":  # it is made of trades, and those of the third day are here
            expected.add(f"{DAYS[2]}|BTCUSDT")
        assert found == expected, asset
    checks = {
        (one.check_name, one.partition): one.passed for one in result.get_asset_check_evaluations()
    }
    assert checks["indicators_cover_the_day", f"{DAYS[1]}|BTCUSDT"]
    assert checks["profile_bins_tile", f"{DAYS[1]}|BTCUSDT"]
    assert not checks["profile_holds_all_volume", f"{DAYS[2]}|BTCUSDT"], "no bars to hold against"


def test_a_damaged_day_fails_the_run_after_the_others(
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    build(lake, [partition(day) for day in DAYS])
    lake.layout.file("daily_bars", partition(DAYS[0])).write_bytes(b"torn")
    result = executed(lake, instance, DAYS[0], DAYS[2])
    assert not result.success
    # What reaches back into the damaged day cannot be made either, and says why.
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "daily_bars" in str(failure.step_failure_data)
    made = instance.get_materialized_partitions(dg.AssetKey("volume_profile"))
    assert set(made) == {f"{day}|BTCUSDT" for day in DAYS}


def test_sealing_does_not_know_of_them() -> None:
    assert not set(DERIVED) & set(ASSETS)


def test_the_schedule_asks_for_the_day_before_of_every_symbol(
    instance: dg.DagsterInstance,
) -> None:
    at = dt.datetime(2024, 3, 3, 2, 15, tzinfo=dt.UTC)
    context = dg.build_schedule_context(instance, scheduled_execution_time=at)
    asked = daily_indicators(context)
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags[RANGE_START] == "2024-03-02|BTCUSDT"
    instance.delete_dynamic_partition("symbols", "BTCUSDT")
    assert isinstance(daily_indicators(context), dg.SkipReason)
    assert daily_indicators.default_status is dg.DefaultScheduleStatus.STOPPED
