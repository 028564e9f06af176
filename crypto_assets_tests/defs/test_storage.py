"""Dagster's history in pooled SQLite."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from crypto_assets.defs.storage import PooledSqliteEventLogStorage


def test_the_configuration_of_the_repository_takes_effect(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
    assert not instance.telemetry_enabled


def test_events_are_there_for_another_process(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("raw_trades", partition="a"))
    with dg.DagsterInstance.from_config(str(Path.cwd())) as other:
        assert other.get_materialized_partitions(dg.AssetKey("raw_trades")) == {"a"}


def test_no_more_than_a_bounded_number_of_databases_stay_open(tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    for number in range(40):
        with storage.run_connection(f"run-{number}"):
            pass
    assert len(storage._engines) == 32
    storage.dispose()
    assert not storage._engines
