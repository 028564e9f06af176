"""The assets: their graph, a partition, a range, and a partition that fails alone."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets_tests.defs.conftest import DAYS, Run, archive, partition


def _materialized(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def _checks(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str, str | None], bool]:
    return {
        (found.asset_key.to_user_string(), found.check_name, found.partition): found.passed
        for found in result.get_asset_check_evaluations()
    }


def test_the_asset_graph_is_this() -> None:
    from crypto_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): sorted(
            parent.to_user_string() for parent in graph.get(key).parent_keys
        )
        for key in graph.get_all_asset_keys()
    }
    assert found == {
        "segments": [],
        "exchange_info": [],
        "raw_trades": ["segments"],
        "raw_quotes": ["segments"],
        "klines": [],
        "agg_trades": [],
        "bars_1s": ["raw_quotes", "raw_trades"],
        "daily_trades": ["bars_1s", "raw_trades"],
        "daily_quotes": ["raw_quotes"],
        "daily_bars": ["bars_1s", "daily_quotes", "daily_trades"],
        "verdicts": [
            "agg_trades",
            "bars_1s",
            "daily_bars",
            "daily_quotes",
            "daily_trades",
            "klines",
        ],
        "gaps": ["verdicts"],
        "revisions": ["gaps"],
        "ohlcv": [],
        "price_snapshots": [],
        "indicators": ["bars_1s", "daily_bars"],
        "volume_profile": ["daily_trades", "raw_trades"],
        "market_report": ["gaps", "verdicts"],
        "completeness_report": ["market_report", "verdicts"],
        "trade_stream": ["segments"],
        "warehouse": ["daily_bars", "daily_quotes", "daily_trades", "gaps", "verdicts"],
    }


def test_a_partition_materializes_with_what_the_ui_shows_of_it(
    run: Run,
    instance: dg.DagsterInstance,
    lake: Lake,
) -> None:
    result = run(DAYS[1], DAYS[1])
    assert result.success
    assert _materialized(instance, "daily_trades") == {f"{DAYS[1]}|BTCUSDT"}
    assert status_of(lake, partition(DAYS[1])).condition == "confirmed"
    (sealed,) = result.asset_materializations_for_node("daily_trades")
    assert sealed.metadata["dagster/partition_row_count"].value == 30
    assert sealed.metadata["first id"].value == 1030
    assert sealed.metadata["last id"].value == 1059
    path = Path(str(sealed.metadata["path"].value))
    assert path == lake.layout.file("daily_trades", partition(DAYS[1]))
    (proof,) = result.asset_materializations_for_node("verdicts")
    assert proof.metadata["condition"].value == "confirmed"
    assert "data:image/png;base64," in str(proof.metadata["chart"].value)


def test_a_range_is_one_run_with_checks_recorded_by_partition(
    run: Run,
    instance: dg.DagsterInstance,
) -> None:
    result = run(DAYS[0], DAYS[2])
    assert result.success
    for asset in ("raw_trades", "bars_1s", "daily_trades", "daily_bars", "verdicts"):
        assert _materialized(instance, asset) == {f"{day}|BTCUSDT" for day in DAYS}, asset
    checks = _checks(result)
    for day in DAYS:
        assert checks["raw_trades", "trade_ids_are_contiguous", f"{day}|BTCUSDT"]
        assert checks["daily_trades", "sealing_lost_nothing", f"{day}|BTCUSDT"]


def test_one_bad_partition_fails_alone_and_the_run_says_so(
    run: Run,
    instance: dg.DagsterInstance,
    lake: Lake,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, DAYS[1], without=(1040, 1041, 1050)))
    result = run(DAYS[0], DAYS[2])
    assert not result.success
    good = {f"{DAYS[0]}|BTCUSDT", f"{DAYS[2]}|BTCUSDT"}
    bad = f"{DAYS[1]}|BTCUSDT"
    assert _materialized(instance, "raw_trades") == good | {bad}
    assert _materialized(instance, "bars_1s") == good | {bad}
    assert _materialized(instance, "daily_trades") == good
    assert _materialized(instance, "daily_bars") == good
    checks = _checks(result)
    assert not checks["raw_trades", "trade_ids_are_contiguous", bad]
    assert all(checks["raw_trades", "trade_ids_are_contiguous", day] for day in good)
    day = status_of(lake, partition(DAYS[1]))
    assert day.condition == "degraded"
    assert day.missing == [(1040, 1041), (1050, 1050)]
    failure = result.failure_data_for_node("revisions")
    assert failure is not None
    assert failure.error is not None
    assert "2024-03-02: degraded" in failure.error.message


def test_a_failed_check_blocks_a_single_partition(
    run: Run,
    instance: dg.DagsterInstance,
    lake: Lake,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, DAYS[1], without=(1040,)))
    result = run(DAYS[1], DAYS[1])
    assert not result.success
    assert _materialized(instance, "bars_1s") == {f"{DAYS[1]}|BTCUSDT"}
    assert _materialized(instance, "daily_trades") == set()
    failure = result.failure_data_for_node("daily_trades")
    assert failure is not None
    assert failure.error is not None
    assert "trade_ids_are_contiguous" in failure.error.message


def test_a_day_without_data_fails_and_blocks_everything(
    run: Run,
    instance: dg.DagsterInstance,
    lake: Lake,
) -> None:
    result = run("2024-03-09", "2024-03-09")
    assert not result.success
    assert _materialized(instance, "raw_trades") == set()
    assert _materialized(instance, "bars_1s") == set()
    assert status_of(lake, partition("2024-03-09")).condition == "missing"


def test_an_asset_alone_fails_the_run_when_a_partition_has_a_fault(
    run: Run,
    instance: dg.DagsterInstance,
) -> None:
    result = run(DAYS[2], "2024-03-04", ["raw_trades"])
    assert not result.success
    assert _materialized(instance, "raw_trades") == {f"{DAYS[2]}|BTCUSDT"}


def test_what_was_not_judged_is_judged_before_anything_is_built_on_it(
    run: Run,
    instance: dg.DagsterInstance,
    lake: Lake,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, DAYS[1], without=(1040,)))
    assert verdicts.read(lake, partition(DAYS[1])) is None
    without_checks = dg.AssetSelection.assets("daily_trades").without_checks()
    assert without_checks is not None
    result = run(DAYS[1], DAYS[1], ["daily_trades"])
    assert not result.success
    assert _materialized(instance, "daily_trades") == set()


def test_materializing_twice_changes_no_file(run: Run, lake: Lake) -> None:
    def tree() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in sorted(lake.layout.root.rglob("*"))
            if path.is_file()
        }

    assert run(DAYS[0], DAYS[2]).success
    before = tree()
    assert run(DAYS[0], DAYS[2]).success
    assert tree() == before


def test_parts_that_are_gone_are_decoded_again(run: Run, lake: Lake) -> None:
    (part,) = lake.layout.files("raw_trades", partition(DAYS[1]))
    before = part.read_bytes()
    part.unlink()
    assert run(DAYS[1], DAYS[1]).success
    assert part.read_bytes() == before
