"""Missing ids are asked for by a run of their day, and its checks say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.definitions import defs
from crypto_assets.defs.healing import open_gaps
from crypto_assets.defs.partitions import key_of
from crypto_assets.defs.resources import LakeResource
from crypto_assets.defs.wiring import resources_of
from crypto_assets.exchange import FLAT_OUT, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.gap import GapState
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.ingest import take

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT"], DAY.start_us + 3_600_000_000, 60, 10, seed=4)
FIRST = int(MARKET.tapes["BTCUSDT"].ids[0])


@pytest.fixture
def exchange(
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Remote]:
    """An exchange that serves the day, to which the settings point."""
    with run_in_thread(MARKET, pace=FLAT_OUT) as found:
        found.jump(MARKET.end_us)
        path = tmp_path / "crypto-assets.toml"
        path.write_text(
            f'[healing]\nhttp_url = "{found.http_url}"\nmost_ids = 50\n'
            f'[archive]\nurl = "{found.http_url}"\nlisting_url = "{found.http_url}/"\n',
        )
        monkeypatch.setenv("CRYPTO_ASSETS_SETTINGS", str(path))
        yield found


def record(lake: Lake, tmp_path: Path, *lost: int) -> None:
    """Take the day's trades but some, counted from the first."""
    rows = MARKET.tapes["BTCUSDT"].trades.iter_rows(named=True)
    lines = [
        f"{row['trade_id']},{row['price']},{row['quantity']},{row['quote']},{row['time_us']},"
        f"{row['is_buyer_maker']},True\n"
        for row in rows
        if row["trade_id"] - FIRST not in lost
    ]
    path = tmp_path / f"BTCUSDT-trades-{DAY.date}.csv"
    path.write_text("".join(lines))
    take(lake, path)
    gaps.refresh(lake, DAY, 1)


def ask(lake: Lake, instance: dg.DagsterInstance) -> list[str]:
    """Give the partitions the sensor asks to be healed."""
    resource = LakeResource(root=str(lake.layout.root))
    found = open_gaps(dg.build_sensor_context(instance, resources={"lake": resource}))
    if isinstance(found, dg.SkipReason):
        return []
    return [str(request.partition_key) for request in found.run_requests or ()]


def heal(lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("heal").execute_in_process(
        instance=instance,
        partition_key=key_of(DAY),
        resources=resources_of(lake.layout.root),
        raise_on_error=False,
    )


def test_an_open_gap_is_asked_for_once_and_healed(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    assert ask(lake, instance) == []
    record(lake, tmp_path, 5, 6, 7)
    assert ask(lake, instance) == ["2025-03-04|BTCUSDT"]
    under_way = instance.create_run_for_job(
        defs.resolve_job_def("heal"),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": "2025-03-04|BTCUSDT"},
    )
    assert ask(lake, instance) == []
    instance.report_run_canceled(under_way)
    result = heal(lake, instance)
    assert result.success
    assert gaps.missing_of(lake, DAY).ranges == ()
    assert ask(lake, instance) == []
    told = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }
    assert told["raw_trades", "trade_ids_are_contiguous"]
    # The day is long over: it is sealed on the way.
    assert told["daily_trades", "sealing_lost_nothing"]
    for asset in ("raw_trades", "bars_1s", "daily_trades", "gaps", "verdicts"):
        done = instance.get_materialized_partitions(dg.AssetKey(asset))
        assert done == {"2025-03-04|BTCUSDT"}, asset


def test_a_heal_in_vain_fails_and_is_asked_for_later(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    exchange.inject({"unserved": ["historicalTrades"]})
    record(lake, tmp_path, 5)
    result = heal(lake, instance)
    assert not result.success
    evaluation = next(
        one
        for one in result.get_asset_check_evaluations()
        if one.check_name == "trade_ids_are_contiguous"
    )
    assert not evaluation.passed
    assert "crypto-assets heal --symbol BTCUSDT" in str(evaluation.metadata["remedy"].value)
    (gap,) = gaps.read(lake, DAY)
    assert (gap.state, gap.tries) == (GapState.OPEN, 1)
    assert ask(lake, instance) == []


def test_a_gap_too_large_is_left_to_people(
    exchange: Remote,
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    record(lake, tmp_path, *range(100, 151))
    assert ask(lake, instance) == []
