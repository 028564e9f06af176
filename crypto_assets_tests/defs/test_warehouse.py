"""The warehouse as an asset: refreshed by a run, told in its metadata, off unless it is wanted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.defs.resources import WarehouseSQL
from crypto_assets.defs.warehouse import daily_warehouse, warehouse, warehouse_refresh
from crypto_assets.defs.wiring import resources_of
from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.status import known_partitions
from crypto_assets.pipeline.warehouse import default_path

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def built(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    (tmp_path / "crypto-assets.toml").write_text('[warehouse]\ntables = ["BTCUSDT"]\n')
    monkeypatch.setenv("CRYPTO_ASSETS_SETTINGS", str(tmp_path / "crypto-assets.toml"))
    build(lake, known_partitions(lake))
    return lake


def run(lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[warehouse],
        jobs=[warehouse_refresh],
        resources=resources_of(lake.layout.root),
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_job_def("warehouse_refresh")
    return job.execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node("warehouse")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_run_refreshes_it_and_a_second_one_says_that_nothing_changed(
    built: Lake, instance: dg.DagsterInstance
) -> None:
    first = shown(run(built, instance))
    path = default_path(built)
    assert first["path"] == str(path)
    assert first["bytes"] == path.stat().st_size
    assert first["outcome"] == "refreshed"
    assert first["rows by table"] == {"trades_btcusdt": 90}
    assert first["days loaded"] == 3
    assert "complete_trades" not in str(first["views"])
    assert "completeness" in str(first["views"])
    assert sum(first["days by condition"].values()) == 3  # type: ignore[attr-defined]
    second = shown(run(built, instance))
    assert (second["outcome"], second["days loaded"], second["days unchanged"]) == (
        "unchanged",
        0,
        3,
    )


def test_a_run_fails_where_a_sealed_file_is_damaged_and_keeps_the_rest(
    built: Lake, instance: dg.DagsterInstance
) -> None:
    day = known_partitions(built)[1]
    file = built.layout.file("daily_trades", day)
    sidecar_of(file).write_text(f"{'0' * 64}  {file.name}\n")
    assert not run(built, instance).success
    sql = WarehouseSQL(database=":memory:", root=str(built.layout.root))
    with sql.get_connection() as connection:
        found = connection.execute("SELECT count(*) FROM trades_btcusdt").fetchall()
    assert found == [(60,)]


def test_the_resource_reads_the_newest_file_and_writes_nothing(
    built: Lake, instance: dg.DagsterInstance
) -> None:
    import duckdb

    run(built, instance)
    sql = WarehouseSQL(database=":memory:", root=str(built.layout.root))
    with sql.get_connection() as connection:
        asked = "SELECT count(*) FROM complete_trades('BTCUSDT', '2024-03-02', '2024-03-02')"
        assert connection.execute(asked).fetchall() == [(30,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("CREATE TABLE warehouse.x AS SELECT 1")


def test_the_schedule_is_off_and_asks_for_one_run_a_day() -> None:
    assert daily_warehouse.default_status is dg.DefaultScheduleStatus.STOPPED
    context = dg.build_schedule_context(
        scheduled_execution_time=dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC),
    )
    request = daily_warehouse(context)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "warehouse-2026-01-02"
