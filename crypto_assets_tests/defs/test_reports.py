"""The pages as assets: of a day, of a range, of a day without data, and of all days."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.defs.automation import RANGE_END, RANGE_START
from crypto_assets.defs.reports import completeness_report, market_report
from crypto_assets.defs.wiring import resources_of
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.defs.conftest import DAYS, partition


@pytest.fixture
def definitions(lake: Lake) -> dg.Definitions:
    return dg.Definitions(
        assets=[market_report, completeness_report],
        jobs=[
            dg.define_asset_job("day", selection=dg.AssetSelection.assets(market_report)),
            dg.define_asset_job("all", selection=dg.AssetSelection.assets(completeness_report)),
        ],
        resources=resources_of(lake.layout.root),
        executor=dg.in_process_executor,
    )


def materialized(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    tags: dict[str, str],
) -> list[dg.AssetMaterialization]:
    result = definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags)
    assert result.success
    return [event.materialization for event in result.get_asset_materialization_events()]  # type: ignore[misc]


def test_a_range_is_one_run_and_a_page_a_day(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    lake: Lake,
) -> None:
    tags = {RANGE_START: f"{DAYS[0]}|BTCUSDT", RANGE_END: "2024-03-04|BTCUSDT"}
    found = {str(one.partition): one for one in materialized(definitions, instance, "day", tags)}
    assert set(found) == {f"{day}|BTCUSDT" for day in (*DAYS, "2024-03-04")}
    for key, one in found.items():
        path = lake.layout.report(partition(key.split("|")[0]))
        assert one.metadata["path"].value == str(path)
        assert one.metadata["open"].value == path.as_uri()
        assert one.metadata["bytes"].value == path.stat().st_size
    assert found[f"{DAYS[1]}|BTCUSDT"].metadata["condition"].value == "confirmed"
    assert found["2024-03-04|BTCUSDT"].metadata["condition"].value == "missing"


def test_all_days_are_one_page_with_a_picture(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    lake: Lake,
) -> None:
    (one,) = materialized(definitions, instance, "all", {})
    assert Path(str(one.metadata["path"].value)) == lake.layout.completeness
    assert lake.layout.completeness.exists()
    assert one.metadata["days"].value == 3
    assert one.metadata["symbols"].value == 1
    assert "data:image/png;base64," in str(one.metadata["map"].value)


def test_a_days_page_shows_its_chart(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    lake: Lake,
) -> None:
    from crypto_assets.pipeline.build import build

    build(lake, [partition(DAYS[1])])
    tags = {RANGE_START: f"{DAYS[1]}|BTCUSDT", RANGE_END: f"{DAYS[1]}|BTCUSDT"}
    (one,) = materialized(definitions, instance, "day", tags)
    assert "data:image/png;base64," in str(one.metadata["chart"].value)
