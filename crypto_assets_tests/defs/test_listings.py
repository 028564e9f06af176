"""The exchange's description of its symbols as an asset: one a day, judged, with what changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.definitions import defs
from crypto_assets.defs.listings import daily_exchange_info
from crypto_assets.defs.wiring import resources_of
from crypto_assets.exchange import PAUSED, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.exchange_info import keep_exchange_info
from crypto_assets.settings import FILE_VARIABLE
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT", "ETHUSDT"], DAY.start_us, 60, 5, seed=6)


@pytest.fixture
def exchange(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=PAUSED) as found:
        found.jump(DAY.start_us + 5 * 60 * 1_000_000)
        path = tmp_path / "crypto-assets.toml"
        path.write_text(f'symbols = ["XYZUSDT"]\n[healing]\nhttp_url = "{found.http_url}"\n')
        monkeypatch.setenv(FILE_VARIABLE, str(path))
        yield found


def make(lake: Lake, instance: dg.DagsterInstance, date: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("exchange_info_day").execute_in_process(
        instance=instance,
        partition_key=date,
        resources=resources_of(lake.layout.root),
        raise_on_error=False,
    )


def test_today_is_asked_for_judged_and_told_with_what_changed(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    data = TradeHistory(exchange.http_url, Budget()).exchange_info()
    told = str(DAY.start_us + 300 * 1_000_000)
    assert told[:8].encode() in data
    before = data.replace(b'"ETHUSDT"', b'"LUNAUSDT"')
    at = data.split(b'"serverTime":')[1].split(b",")[0]
    before = before.replace(at, str(int(at) - 86_400_000_000).encode())
    keep_exchange_info(lake, "binance", before)
    result = make(lake, instance, "2025-03-04")
    assert result.success
    (made,) = result.asset_materializations_for_node("exchange_info")
    assert made.partition == "2025-03-04"
    numbers = {name: made.metadata[name].value for name in ("symbols", "trading", "new", "gone")}
    assert numbers == {"symbols": 2, "trading": 2, "new": 1, "gone": 1}
    changes = made.metadata["changes"]
    assert isinstance(changes, dg.TableMetadataValue)
    assert [record.data["symbol"] for record in changes.records] == ["ETHUSDT", "LUNAUSDT"]
    evaluations = result.get_asset_check_evaluations()
    assert {one.check_name: (one.passed, one.partition) for one in evaluations} == {
        "listings_are_of_their_day": (True, "2025-03-04"),
        "no_listed_symbol_disappears": (False, "2025-03-04"),
        "symbols_of_the_settings_are_listed": (False, "2025-03-04"),
        "tick_and_step_sizes_are_whole": (True, "2025-03-04"),
    }


def test_a_day_that_is_over_fails_and_says_why(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    result = make(lake, instance, "2025-03-01")
    assert not result.success
    (failure,) = (
        one.step_failure_data
        for one in result.all_events
        if one.is_step_failure and one.step_key == "exchange_info"
    )
    assert failure.user_failure_data is not None
    assert "the exchange tells of today only" in (failure.user_failure_data.description or "")


def test_every_day_is_asked_for_when_it_has_begun(instance: dg.DagsterInstance) -> None:
    at = dt.datetime(2025, 3, 4, 0, 5, tzinfo=dt.UTC)
    asked = daily_exchange_info(dg.build_schedule_context(instance, at))
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2025-03-04"
    assert daily_exchange_info.cron_schedule == "5 0 * * *"
