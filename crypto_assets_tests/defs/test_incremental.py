"""Every five minutes a run of each symbol fetches what is new, and tells of the days it touched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.definitions import defs
from crypto_assets.defs.automation import known_symbols
from crypto_assets.defs.incremental import incremental_trades
from crypto_assets.defs.resources import LakeResource
from crypto_assets.defs.wiring import resources_of
from crypto_assets.exchange import FLAT_OUT, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.partition import Partition
from crypto_assets.settings import FILE_VARIABLE

DAY = Partition.of("binance", "ETHUSDT", "2025-03-04")
MARKET = random_market(["ETHUSDT"], DAY.start_us, 60, 10, seed=4)
FIRST = int(MARKET.tapes["ETHUSDT"].ids[0])
AT = dt.datetime(2026, 3, 4, 1, 35, tzinfo=dt.UTC)


@pytest.fixture
def exchange(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """An exchange to which the settings point, that name one symbol to be fetched."""
    with run_in_thread(MARKET, pace=FLAT_OUT) as found:
        found.jump(MARKET.start_us + 30 * SECOND_US)
        _settings(tmp_path, monkeypatch, found, 'symbols = ["ETHUSDT"]')
        yield found


def _settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exchange: Remote,
    incremental: str,
) -> None:
    path = tmp_path / "crypto-assets.toml"
    path.write_text(
        f'[healing]\nhttp_url = "{exchange.http_url}"\n[incremental]\n{incremental}\n',
    )
    monkeypatch.setenv(FILE_VARIABLE, str(path))


def ask(instance: dg.DagsterInstance) -> list[dg.RunRequest] | dg.SkipReason:
    found = incremental_trades(dg.build_schedule_context(instance, AT))
    assert isinstance(found, list | dg.SkipReason)
    return found


def fetch(lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions("symbols", ["ETHUSDT"])
    return defs.resolve_job_def("incremental").execute_in_process(
        instance=instance,
        partition_key="ETHUSDT",
        resources=resources_of(lake.layout.root),
        raise_on_error=False,
    )


def test_nothing_is_fetched_unless_the_settings_say_so(instance: dg.DagsterInstance) -> None:
    found = ask(instance)
    assert isinstance(found, dg.SkipReason)
    assert incremental_trades.default_status is dg.DefaultScheduleStatus.STOPPED
    assert incremental_trades.cron_schedule == "*/5 * * * *"


def test_a_symbol_has_one_run_at_a_time(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    found = ask(instance)
    assert isinstance(found, dg.SkipReason)
    assert "no partition yet" in (found.skip_message or "")
    resource = LakeResource(root=str(lake.layout.root))
    sensor = known_symbols(dg.build_sensor_context(instance, resources={"lake": resource}))
    assert isinstance(sensor, dg.SensorResult)
    (request,) = sensor.dynamic_partitions_requests or ()
    instance.add_dynamic_partitions("symbols", list(request.partition_keys))
    (asked,) = ask(instance)
    assert isinstance(asked, dg.RunRequest)
    assert (asked.partition_key, asked.run_key) == ("ETHUSDT", f"ETHUSDT-{AT.isoformat()}")
    job = defs.resolve_job_def("incremental")
    tags = job.get_tags_for_partition_key("ETHUSDT", selected_asset_keys=None)
    assert tags["crypto_assets/incremental"] == "ETHUSDT"
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert isinstance(ask(instance), dg.SkipReason)


def test_the_queue_lets_one_run_of_a_symbol_go(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config().run_queue_config
    assert limits is not None
    assert {
        "key": "crypto_assets/incremental",
        "value": {"applyLimitPerUniqueValue": True},
        "limit": 1,
    } in limits.tag_concurrency_limits


def test_a_run_fetches_what_is_new_and_refreshes_its_days(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    result = fetch(lake, instance)
    assert result.success
    half = lake.coverage(DAY)
    assert half.first == FIRST
    exchange.jump(MARKET.end_us)
    assert fetch(lake, instance).success
    count = MARKET.tapes["ETHUSDT"].trades.height
    assert lake.coverage(DAY) == Coverage.of([(FIRST, FIRST + count - 1)])
    for asset in ("raw_trades", "bars_1s"):
        done = instance.get_materialized_partitions(dg.AssetKey(asset))
        assert done == {"2025-03-04|ETHUSDT"}, asset
    told = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert told["trade_ids_are_contiguous"]
    assert fetch(lake, instance).success


def test_a_run_that_does_not_reach_the_newest_trade_fails_and_says_why(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _settings(tmp_path, monkeypatch, exchange, 'symbols = ["ETHUSDT"]\nmost_ids = 10')
    result = fetch(lake, instance)
    assert not result.success
    (failure,) = (one.step_failure_data for one in result.all_events if one.is_step_failure)
    assert failure.user_failure_data is not None
    assert "expected at most 10 new trades" in (failure.user_failure_data.description or "")
    assert "historicalTrades" not in exchange.counters.requests
