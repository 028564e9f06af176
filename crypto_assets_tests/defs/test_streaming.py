"""The stream in Dagster: published by a sensor's run, told by an asset, held by a check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from crypto_assets.definitions import defs
from crypto_assets.defs.streaming import hourly_stream_standing, unpublished_segments
from crypto_assets.defs.wiring import resources_of
from crypto_assets.lake.lake import Lake
from crypto_assets.model.message import STREAM_FRAME
from crypto_assets.pipeline.publish import unpublished
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.settings import FILE_VARIABLE
from crypto_assets.sinks.duckdb_stream import TradeStream
from crypto_assets_tests.broker import NatsServer, nats_server
from crypto_assets_tests.streamed import DAY, rows, segment

CHECK = {"ops": {"trade_stream_stream_equals_lake": {"config": {"dates": [str(DAY.date)]}}}}


@pytest.fixture
def recorded(lake: Lake) -> Lake:
    segment(lake, "one", range(10, 30))
    return lake


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as found:
        path = tmp_path / "crypto-assets.toml"
        path.write_text(f'[stream]\nurl = "{found.url}"\n')
        monkeypatch.setenv(FILE_VARIABLE, str(path))
        yield found


def tick(lake: Lake, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    with dg.build_sensor_context(instance, resources=resources_of(lake.layout.root)) as context:
        found = unpublished_segments(context)
        assert isinstance(found, dg.RunRequest | dg.SkipReason)
        return found


def run(lake: Lake, instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    config = CHECK if job == "stream_standing" else {}
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config=config,
        resources=resources_of(lake.layout.root),
        raise_on_error=False,
    )


def test_what_is_recorded_is_asked_to_be_published_until_it_is(
    server: NatsServer,
    recorded: Lake,
    instance: dg.DagsterInstance,
) -> None:
    assert isinstance(tick(recorded, instance), dg.RunRequest)
    result = run(recorded, instance, "publish_segments")
    assert result.success
    assert unpublished(recorded, "nats.trades") == []
    assert tick(recorded, instance) == dg.SkipReason("everything recorded is published")
    segment(recorded, "one", range(30, 40), 2)
    request = tick(recorded, instance)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["segments"] == "1"


def test_without_a_stream_in_the_settings_nothing_is_asked_for(
    recorded: Lake,
    instance: dg.DagsterInstance,
) -> None:
    assert tick(recorded, instance) == dg.SkipReason("the settings name no [stream]")


def streamed(lake: Lake) -> pl.DataFrame:
    found = lake.scan("raw_trades", DAY).collect()
    return found.with_columns(venue=pl.lit("binance"), symbol=pl.lit("BTCUSDT")).select(
        *STREAM_FRAME,
    )


def test_a_stream_that_is_the_lake_passes_and_is_told(
    recorded: Lake,
    instance: dg.DagsterInstance,
) -> None:
    take_segments(recorded, "binance", waiting(recorded, "binance"))
    TradeStream(recorded.layout.trade_stream).append(streamed(recorded))
    result = run(recorded, instance, "stream_standing")
    assert result.success
    (made,) = result.asset_materializations_for_node("trade_stream")
    assert made.metadata["dagster/row_count"].value == 20
    assert made.metadata["lag, trades"].value == 0
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("stream_equals_lake", True)
    assert check.metadata["days compared"].value == 1


def test_a_stream_that_lacks_has_more_or_differs_fails_and_says_which(
    recorded: Lake,
    instance: dg.DagsterInstance,
) -> None:
    take_segments(recorded, "binance", waiting(recorded, "binance"))
    found = streamed(recorded).filter(pl.col("trade_id") != 15)
    other = pl.when(pl.col("trade_id") == 12).then(~pl.col("is_buyer_maker"))
    found = found.with_columns(other.otherwise("is_buyer_maker").alias("is_buyer_maker"))
    TradeStream(recorded.layout.trade_stream).append(pl.concat([found, rows([99])]))
    result = run(recorded, instance, "stream_standing")
    (made,) = result.asset_materializations_for_node("trade_stream")
    assert made.metadata["lag, trades"].value == 1
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.metadata["ids"].value == {
        "binance:BTCUSDT 2025-03-04": {
            "missing": [[15, 15]],
            "extra": [[99, 99]],
            "differing": [[12, 12]],
        },
    }
    assert "publish --symbol binance:BTCUSDT --date 2025-03-04" in str(
        check.metadata["remedy"].value,
    )


def test_a_stream_that_is_kept_in_bigquery_is_not_said_to_be_equal(
    recorded: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "crypto-assets.toml"
    path.write_text('[stream]\nwarehouse = "bigquery"\n')
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    take_segments(recorded, "binance", waiting(recorded, "binance"))
    result = run(recorded, instance, "stream_standing")
    assert result.success
    (made,) = result.asset_materializations_for_node("trade_stream")
    assert "dagster/row_count" not in made.metadata
    assert "BigQuery" in str(made.metadata["not looked at"].value)
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description is not None
    assert check.description.startswith("not compared")


def test_the_stream_is_looked_at_every_hour() -> None:
    assert hourly_stream_standing.cron_schedule == "15 * * * *"
    assert hourly_stream_standing.job_name == "stream_standing"
