"""When things are made."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import msgspec
import pytest

from crypto_assets.defs.automation import (
    RANGE_END,
    RANGE_START,
    daily_compaction,
    known_symbols,
)
from crypto_assets.defs.ingesting import sealed_segments
from crypto_assets.defs.resources import LakeResource
from crypto_assets.lake import segments
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.bybit import DAY, a_day, frame
from crypto_assets_tests.defs.conftest import partition


def test_the_schedule_asks_for_the_day_before_of_all_symbols(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("symbols", ["ETHUSDT", "NEXOUSDT"])
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime(2024, 3, 4, 1, 30, tzinfo=dt.UTC),
    )
    request = daily_compaction(context)
    assert isinstance(request, dg.RunRequest)
    assert request.tags[RANGE_START] == "2024-03-03|BTCUSDT"
    assert request.tags[RANGE_END] == "2024-03-03|NEXOUSDT"
    assert daily_compaction.cron_schedule == "30 1 * * *"
    assert daily_compaction.execution_timezone == "UTC"


def test_the_schedule_skips_while_no_symbol_is_known(instance: dg.DagsterInstance) -> None:
    instance.delete_dynamic_partition("symbols", "BTCUSDT")
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime(2024, 3, 4, 1, 30, tzinfo=dt.UTC),
    )
    assert isinstance(daily_compaction(context), dg.SkipReason)


def test_the_scheduled_run_builds_the_day_of_every_symbol(
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    from crypto_assets.definitions import defs
    from crypto_assets.defs.wiring import resources_of
    from crypto_assets.pipeline.ingest import take

    other = tmp_path / "ETHUSDT-trades-2024-03-02.csv"
    other.write_text((tmp_path / "BTCUSDT-trades-2024-03-02.csv").read_text())
    take(lake, other)
    instance.add_dynamic_partitions("symbols", ["ETHUSDT"])
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime(2024, 3, 3, 1, 30, tzinfo=dt.UTC),
    )
    request = daily_compaction(context)
    assert isinstance(request, dg.RunRequest)
    job = defs.resolve_job_def("market_day")
    result = job.execute_in_process(
        instance=instance,
        tags=dict(request.tags),
        resources=resources_of(lake.layout.root),
    )
    assert result.success
    assert set(instance.get_materialized_partitions(dg.AssetKey("daily_trades"))) == {
        "2024-03-02|BTCUSDT",
        "2024-03-02|ETHUSDT",
    }


def test_the_sensor_adds_symbols_once(
    lake: Lake,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = lake.layout.root.parent / "crypto-assets.toml"
    settings.write_text('symbols = ["SOLUSDT"]\n')
    monkeypatch.setenv("CRYPTO_ASSETS_SETTINGS", str(settings))
    resource = LakeResource(root=str(lake.layout.root))
    instance.delete_dynamic_partition("symbols", "BTCUSDT")
    asked = known_symbols(dg.build_sensor_context(instance, resources={"lake": resource}))
    assert isinstance(asked, dg.SensorResult)
    (request,) = asked.dynamic_partitions_requests or ()
    assert list(request.partition_keys) == ["BTCUSDT", "SOLUSDT"]
    instance.add_dynamic_partitions("symbols", list(request.partition_keys))
    again = known_symbols(dg.build_sensor_context(instance, resources={"lake": resource}))
    assert isinstance(again, dg.SkipReason)


def _sealed(lake: Lake, ids: range) -> None:
    day = partition("2024-03-05")
    directory = segments.directory(lake.layout, "binance", "one")
    directory.mkdir(parents=True, exist_ok=True)
    writer = segments.SegmentWriter(directory, segments.segment_name(ids[0] * 10**9, 1), b"")
    for trade_id in ids:
        at = day.start_us + trade_id * 1_000_000
        trade = (
            f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{at},"s":"BTCUSDT",'
            f'"t":{trade_id},"p":"100.50000000","q":"0.20000000","T":{at},"m":true,"M":true}}}}'
        )
        writer.write(segments.line(at * 1_000, trade.encode()))
    writer.seal()


def test_the_sensor_asks_once_for_what_is_sealed_and_again_for_what_came_meanwhile(
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    from crypto_assets.definitions import defs
    from crypto_assets.defs.wiring import resources_of

    def ask() -> dg.RunRequest | dg.SkipReason:
        resource = LakeResource(root=str(lake.layout.root))
        return sealed_segments(dg.build_sensor_context(instance, resources={"lake": resource}))

    job = defs.resolve_job_def("take_segments")
    assert isinstance(ask(), dg.SkipReason)
    _sealed(lake, range(10, 20))
    assert isinstance(ask(), dg.RunRequest)
    under_way = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    _sealed(lake, range(20, 30))
    assert isinstance(ask(), dg.SkipReason)
    instance.report_run_canceled(under_way)
    assert isinstance(ask(), dg.RunRequest)
    result = job.execute_in_process(instance=instance, resources=resources_of(lake.layout.root))
    assert result.success
    for asset in ("raw_trades", "bars_1s"):
        done = instance.get_materialized_partitions(dg.AssetKey(asset))
        assert done == {"2024-03-05|BTCUSDT"}, asset
    assert isinstance(ask(), dg.SkipReason)


def test_segments_of_every_venue_are_taken(lake: Lake, instance: dg.DagsterInstance) -> None:
    from crypto_assets.definitions import defs
    from crypto_assets.defs.wiring import resources_of

    _sealed(lake, range(10, 20))
    trades = a_day(6)
    directory = segments.directory(lake.layout, "bybit", "one")
    directory.mkdir(parents=True)
    writer = segments.SegmentWriter(directory, segments.segment_name(10**18, 1), b"")
    writer.write(segments.line(trades[-1].us * 1_000, msgspec.json.encode(frame(trades))))
    writer.seal()
    job = defs.resolve_job_def("take_segments")
    result = job.execute_in_process(instance=instance, resources=resources_of(lake.layout.root))
    assert result.success
    done = instance.get_materialized_partitions(dg.AssetKey("bars_1s"))
    assert done == {"2024-03-05|BTCUSDT", f"{DAY.date.isoformat()}|bybit:BTCUSDT"}
    assert lake.scan("raw_trades", DAY).collect().height == len(trades)
