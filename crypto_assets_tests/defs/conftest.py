"""A small lake of three joined days, and a Dagster instance as dagster.yaml configures it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.ingest import take

DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")
TRADES_A_DAY = 30
FIRST_ID = 1_000


def partition(date: str, symbol: str = "BTCUSDT") -> Partition:
    return Partition.of("binance", symbol, date)


def archive(directory: Path, date: str, *, without: tuple[int, ...] = ()) -> Path:
    """Write a day's archive file: one trade every 40 minutes, ids joining on to the day before."""
    day = partition(date)
    first = FIRST_ID + TRADES_A_DAY * (day.date - partition(DAYS[0]).date).days
    lines = [
        f"{first + n},{100 + n}.00,0.25,{25 + n / 4:.8f},"
        f"{(day.start_us + n * 2_400_000_000) // 1000},{n % 2 == 0},True\n"
        for n in range(TRADES_A_DAY)
        if first + n not in without
    ]
    path = directory / f"BTCUSDT-trades-{date}.csv"
    path.write_text("".join(lines))
    return path


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with three days imported and nothing built."""
    monkeypatch.setenv("CRYPTO_ASSETS_LAKE", str(tmp_path / "lake"))
    found = Lake(tmp_path / "lake")
    for date in DAYS:
        take(found, archive(tmp_path, date))
    return found


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance of the repository's own dagster.yaml, its history in a directory of the test."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(Path(__file__).resolve().parents[2] / "dagster.yaml", home)
    monkeypatch.chdir(home)
    with dg.DagsterInstance.from_config(str(home)) as found:
        found.add_dynamic_partitions("symbols", ["BTCUSDT"])
        yield found


Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def run(lake: Lake, instance: dg.DagsterInstance) -> Run:
    """Run a job of the definitions on a range of days of BTCUSDT."""
    from crypto_assets.defs.automation import RANGE_END, RANGE_START
    from crypto_assets.defs.checks import checks
    from crypto_assets.defs.market_data import assets
    from crypto_assets.defs.wiring import resources_of

    def execute(
        first: str, last: str, selection: list[str] | None = None
    ) -> dg.ExecuteInProcessResult:
        chosen = dg.AssetSelection.assets(*selection) if selection else dg.AssetSelection.all()
        definitions = dg.Definitions(
            assets=assets,
            asset_checks=checks,
            jobs=[dg.define_asset_job("chosen", selection=chosen)],
            resources=resources_of(lake.layout.root),
            executor=dg.in_process_executor,
        )
        return definitions.resolve_job_def("chosen").execute_in_process(
            instance=instance,
            tags={RANGE_START: f"{first}|BTCUSDT", RANGE_END: f"{last}|BTCUSDT"},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    return execute
