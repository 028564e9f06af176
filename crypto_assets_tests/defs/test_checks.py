"""Asset checks run by themselves."""

from __future__ import annotations

import dagster as dg
import pytest

from crypto_assets.definitions import defs
from crypto_assets.defs.checks import checks_definition
from crypto_assets.defs.wiring import resources_of
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.defs.conftest import DAYS, Run, archive, partition


def _run_checks_only(
    lake: Lake,
    instance: dg.DagsterInstance,
    day: str | None,
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("checks_only").execute_in_process(
        instance=instance,
        partition_key=f"{day}|BTCUSDT" if day else None,
        resources=resources_of(lake.layout.root),
        raise_on_error=False,
    )


def test_checks_alone_judge_a_partition_as_it_lies(
    run: Run,
    lake: Lake,
    instance: dg.DagsterInstance,
) -> None:
    assert run(DAYS[1], DAYS[1]).success
    sealed = lake.layout.file("daily_trades", partition(DAYS[1]))
    good = sealed.with_name(sealed.name + ".sha256")
    good.write_text("0" * 64 + f"  {sealed.name}\n")
    result = _run_checks_only(lake, instance, DAYS[1])
    assert not result.success
    failed = {
        (found.asset_key.to_user_string(), found.check_name)
        for found in result.get_asset_check_evaluations()
        if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR
    }
    assert failed == {("daily_trades", "bytes_match_their_checksum")}


def test_checks_alone_need_a_partition(lake: Lake, instance: dg.DagsterInstance) -> None:
    result = _run_checks_only(lake, instance, None)
    assert not result.success


def test_checks_started_without_a_partition_judge_every_stored_one(
    lake: Lake,
    instance: dg.DagsterInstance,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    take(lake, archive(tmp_path_factory.mktemp("damaged"), DAYS[1], without=(1040,)))
    definitions = dg.Definitions(
        asset_checks=[checks_definition("raw_trades")],
        resources=resources_of(lake.layout.root),
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    found = {
        evaluation.partition: evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == "trade_ids_are_contiguous"
    }
    assert found == {
        f"{DAYS[0]}|BTCUSDT": True,
        f"{DAYS[1]}|BTCUSDT": False,
        f"{DAYS[2]}|BTCUSDT": True,
        None: False,
    }
