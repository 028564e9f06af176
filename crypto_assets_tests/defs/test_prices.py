"""Prices of coins in Dagster: today asks what they cost, a day that is over is filled."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets import settings
from crypto_assets.defs.prices import (
    hourly_prices,
    price_snapshots,
    price_snapshots_checks,
    price_snapshots_job,
)
from crypto_assets.defs.wiring import resources_of
from crypto_assets.exchange import PAUSED, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.prices import ASSET, day_of

Ask = Callable[[str], dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Remote]:
    """An exchange whose market goes on to now, five minutes into a day at the least."""
    now_us = time.time_ns() // 1_000
    market = random_market(["ETHUSDT"], now_us - 300_000_000, 600, 1, seed=3)
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(now_us)
        yield remote


@pytest.fixture
def today(exchange: Remote) -> str:
    """The day that prices asked for now are of."""
    made = dt.datetime.fromtimestamp(exchange.counters.now_us // 1_000_000 - 20, dt.UTC)
    return made.date().isoformat()


@pytest.fixture
def ask(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exchange: Remote,
    instance: dg.DagsterInstance,
) -> Ask:
    """Run the asset and its checks on a day, of two coins of a loopback exchange."""
    path = tmp_path / "crypto-assets.toml"
    path.write_text(
        '[prices]\ncoins = ["bitcoin", "shiba-inu"]\ncsv = "prices.csv"\n'
        f'http_url = "{exchange.http_url}"\n',
    )
    monkeypatch.setenv(settings.FILE_VARIABLE, str(path))
    exchange.inject({"prices_null": [], "prices_html": False, "refuse": None})

    def run(date: str) -> dg.ExecuteInProcessResult:
        definitions = dg.Definitions(
            assets=[price_snapshots],
            asset_checks=[price_snapshots_checks],
            jobs=[price_snapshots_job],
            resources=resources_of(tmp_path / "lake"),
            executor=dg.in_process_executor,
        )
        return definitions.resolve_job_def(price_snapshots_job.name).execute_in_process(
            instance=instance,
            partition_key=date,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    return run


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_today_asks_what_coins_cost_and_shows_what_was_left_out(
    ask: Ask,
    exchange: Remote,
    today: str,
    tmp_path: Path,
) -> None:
    exchange.inject({"prices_null": ["shiba-inu"]})
    result = ask(today)
    assert result.success
    found = result.asset_materializations_for_node(ASSET)[-1]
    assert found.partition == today
    assert found.metadata["dagster/partition_row_count"].value == 1
    assert found.metadata["given"].value == 1
    assert found.metadata["skipped"].value == 1
    left_out = found.metadata["what was skipped"]
    assert isinstance(left_out, dg.TableMetadataValue)
    (record,) = left_out.records
    assert record.data["coin"] == "shiba-inu"
    assert "price: expected a number" in str(record.data["why"])
    assert "newest update" in found.metadata
    rows = Lake(tmp_path / "lake").scan(ASSET, day_of(dt.date.fromisoformat(today))).collect()
    assert rows["coin"].to_list() == ["bitcoin"]
    assert (tmp_path / "prices.csv").read_text().count("\n") == 2
    assert checks(result)["price_rows_are_as_declared"]
    assert checks(result)["prices_are_fresh"]


def test_a_day_that_is_over_is_filled_and_passes_every_check(
    ask: Ask,
    today: str,
    tmp_path: Path,
) -> None:
    date = dt.date.fromisoformat(today) - dt.timedelta(days=2)
    result = ask(date.isoformat())
    assert result.success
    assert all(checks(result).values())
    rows = Lake(tmp_path / "lake").scan(ASSET, day_of(date)).collect()
    assert rows.height == 48


def test_what_is_no_answer_fails_the_run_and_says_how_it_begins(
    ask: Ask,
    exchange: Remote,
    today: str,
) -> None:
    exchange.inject({"prices_html": True})
    result = ask(today)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "expected prices by coin, found" in str(failure.step_failure_data)


def test_the_schedule_asks_for_today_once_an_hour_and_is_off(
    ask: Ask,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    assert hourly_prices.default_status is dg.DefaultScheduleStatus.STOPPED
    keys = set()
    for hour in (0, 1):
        at = dt.datetime(2025, 1, 22, hour, 2, tzinfo=dt.UTC)
        context = dg.build_schedule_context(instance, scheduled_execution_time=at)
        asked = hourly_prices(context)
        assert isinstance(asked, dg.RunRequest)
        assert asked.partition_key == "2025-01-22"
        keys.add(asked.run_key)
    assert len(keys) == 2
    (tmp_path / "crypto-assets.toml").write_text("[prices]\ncoins = []\n")
    assert isinstance(hourly_prices(context), dg.SkipReason)
