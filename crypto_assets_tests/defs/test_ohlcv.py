"""Bars of any exchange in Dagster: a range of days and instruments is one run, and fails apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.defs.automation import RANGE_END, RANGE_START
from crypto_assets.defs.ohlcv import key_of, known_instruments, ohlcv, ohlcv_checks
from crypto_assets.defs.resources import LakeResource
from crypto_assets.defs.wiring import resources_of
from crypto_assets.exchange import PAUSED, Market, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.listing import Listing
from crypto_assets.model.partition import Partition

MIDNIGHT_US = 1_735_776_000_000_000
HOUR_US = 3_600_000_000
SPOT, SWAP = "binance:BTC/USDT", "bybit:BTC/USDT:USDT"
DAYS = (dt.date(2025, 1, 2), dt.date(2025, 1, 3))
Fetch = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(["BTCUSDT"], MIDNIGHT_US - HOUR_US, 50 * 3_600, 0.02, seed=3)


@pytest.fixture(scope="module")
def exchange(market: Market) -> Iterator[Remote]:
    with run_in_thread(market, pace=PAUSED) as remote:
        remote.jump(market.end_us)
        yield remote


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Remote) -> Lake:
    """An empty lake whose settings name two instruments of a loopback exchange."""
    path = tmp_path / "crypto-assets.toml"
    path.write_text(
        f'[ohlcv]\ninstruments = ["{SPOT}", "{SWAP}"]\nintervals = ["30m", "1h"]\n'
        f'[ohlcv.urls]\nbinance = "{exchange.http_url}"\nbybit = "{exchange.http_url}"\n',
    )
    monkeypatch.setenv("CRYPTO_ASSETS_SETTINGS", str(path))
    monkeypatch.setenv("CRYPTO_ASSETS_LAKE", str(tmp_path / "lake"))
    return Lake(tmp_path / "lake")


@pytest.fixture
def fetched(lake: Lake, instance: dg.DagsterInstance) -> Fetch:
    """Run the asset and its checks on a range of days and instruments."""
    instance.add_dynamic_partitions("instruments", [SPOT, SWAP])

    def run(
        first: str, last: str, config: dict[str, object] | None = None
    ) -> dg.ExecuteInProcessResult:
        definitions = dg.Definitions(
            assets=[ohlcv],
            asset_checks=[ohlcv_checks],
            jobs=[dg.define_asset_job("chosen", selection=dg.AssetSelection.assets("ohlcv"))],
            resources=resources_of(lake.layout.root),
            executor=dg.in_process_executor,
        )
        return definitions.resolve_job_def("chosen").execute_in_process(
            instance=instance,
            tags={RANGE_START: first, RANGE_END: last},
            run_config={"ops": {"ohlcv": {"config": config or {}}}},
            raise_on_error=False,
        )

    return run


def key(listing: str, day: dt.date) -> dg.MultiPartitionKey:
    return key_of(Listing.parse(listing), day)


def materialized(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey("ohlcv")))


def test_a_range_of_days_and_instruments_is_one_run_with_checks_by_partition(
    fetched: Fetch,
    instance: dg.DagsterInstance,
    lake: Lake,
) -> None:
    result = fetched(key(SPOT, DAYS[0]), key(SWAP, DAYS[1]))
    assert result.success
    every = {key(listing, day) for listing in (SPOT, SWAP) for day in DAYS}
    assert materialized(instance) == every
    found = result.get_asset_check_evaluations()
    assert {one.partition for one in found} == every
    assert all(one.passed for one in found)
    assert {one.check_name for one in found} == {
        "ohlcv_covers_the_day",
        "ohlcv_is_finished",
        "ohlcv_prices_are_ordered",
        "rows_match_their_schema",
    }
    for listing in (SPOT, SWAP):
        for day in DAYS:
            files = lake.layout.files(
                "ohlcv",
                Partition(Listing.parse(listing).instrument, day),
            )
            assert [path.name for path in files] == ["1h.parquet", "30m.parquet"]
    (first, *_) = result.asset_materializations_for_node("ohlcv")
    assert first.metadata["dagster/partition_row_count"].value == 72


def test_what_cannot_be_fetched_fails_alone_and_the_run_says_so(
    fetched: Fetch,
    instance: dg.DagsterInstance,
) -> None:
    instance.add_dynamic_partitions("instruments", ["bybit:NOT/THERE"])
    result = fetched(key(SPOT, DAYS[0]), key("bybit:NOT/THERE", DAYS[0]))
    assert not result.success
    assert materialized(instance) == {key(SPOT, DAYS[0]), key(SWAP, DAYS[0])}
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "bybit:NOT/THERE: expected a symbol" in str(failure.step_failure_data)


def test_a_whole_day_is_fetched_again_only_where_that_is_asked(
    fetched: Fetch,
    exchange: Remote,
) -> None:
    day = key(SWAP, DAYS[0])
    assert fetched(day, day).success
    before = exchange.counters.requests["v5/market/kline"]
    assert fetched(day, day).success
    assert exchange.counters.requests["v5/market/kline"] == before
    assert fetched(day, day, {"again": True, "intervals": ["1h"]}).success
    assert exchange.counters.requests["v5/market/kline"] == before + 1


def test_an_instrument_that_is_none_stops_the_run_with_a_reason(
    fetched: Fetch,
    instance: dg.DagsterInstance,
) -> None:
    instance.add_dynamic_partitions("instruments", ["BTCUSDT"])
    bad = dg.MultiPartitionKey({"date": "2025-01-02", "instrument": "BTCUSDT"})
    result = fetched(bad, bad)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "instrument 'BTCUSDT': expected an exchange" in str(failure.step_failure_data)


def test_the_sensor_adds_instruments_once(
    fetched: Fetch,
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    assert fetched(key(SWAP, DAYS[0]), key(SWAP, DAYS[0])).success
    (tmp_path / "crypto-assets.toml").write_text(f'[ohlcv]\ninstruments = ["{SPOT}"]\n')
    for name in (SPOT, SWAP):
        instance.delete_dynamic_partition("instruments", name)
    resource = LakeResource(root=str(lake.layout.root))
    asked = known_instruments(dg.build_sensor_context(instance, resources={"lake": resource}))
    assert isinstance(asked, dg.SensorResult)
    (request,) = asked.dynamic_partitions_requests or ()
    assert list(request.partition_keys) == [SPOT, SWAP]
    instance.add_dynamic_partitions("instruments", list(request.partition_keys))
    again = known_instruments(dg.build_sensor_context(instance, resources={"lake": resource}))
    assert isinstance(again, dg.SkipReason)
