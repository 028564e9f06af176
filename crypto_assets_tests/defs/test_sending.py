"""BigQuery as a Dagster asset: a range is one run, days fail apart, imports are late."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crypto_assets.defs.automation import RANGE_END, RANGE_START
from crypto_assets.defs.sending import bigquery, objects, sinks_of
from crypto_assets.defs.wiring import resources_of
from crypto_assets.settings import BigQuery, Objects, Settings
from crypto_assets_tests.bigquery import PROJECT, Service, serving
from crypto_assets_tests.defs.conftest import DAYS
from crypto_assets_tests.test_architecture import BLOCKER, ROOT

Materialize = Callable[..., dg.ExecuteInProcessResult]
MIDDLE = f"{DAYS[1]}|BTCUSDT"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.fixture
def lake(three_days_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRYPTO_ASSETS_LAKE", str(three_days_copy))
    return three_days_copy


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "crypto-assets.toml"
    monkeypatch.setenv("CRYPTO_ASSETS_SETTINGS", str(path))
    path.write_text("")
    return path


@pytest.fixture
def materialize(lake: Path, settings: Path, instance: dg.DagsterInstance) -> Materialize:
    """Materialize one of the assets for a range of days."""

    def run(
        asset: dg.AssetsDefinition, first: str, last: str, **config: object
    ) -> dg.ExecuteInProcessResult:
        name = asset.key.to_user_string()
        definitions = dg.Definitions(
            assets=[asset],
            jobs=[dg.define_asset_job("chosen", selection=dg.AssetSelection.assets(name))],
            resources=resources_of(lake),
            executor=dg.in_process_executor,
        )
        return definitions.resolve_job_def("chosen").execute_in_process(
            instance=instance,
            tags={RANGE_START: first, RANGE_END: last},
            run_config={
                "ops": {name: {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )

    return run


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    return str(data.user_failure_data.description if data.user_failure_data else data.error)


def block(service: Service, more: str = "") -> str:
    return f'[bigquery]\nproject = "{PROJECT}"\nendpoint = "{service.url}"\n{more}'


def test_a_proven_day_is_loaded_and_told(
    materialize: Materialize,
    service: Service,
    settings: Path,
    instance: dg.DagsterInstance,
) -> None:
    pytest.importorskip("dagster_gcp", reason="the extra gcp is not installed")
    settings.write_text(block(service))
    result = materialize(bigquery, MIDDLE, MIDDLE)
    assert result.success
    (event,) = result.asset_materializations_for_node("bigquery")
    assert event.partition == MIDDLE
    assert event.metadata["dagster/partition_row_count"].value == 30 + 86_400
    tables = event.metadata["tables"]
    assert isinstance(tables, dg.TableMetadataValue)
    assert [one.data["table"] for one in tables.records] == [
        "test-project.crypto_assets.trades",
        "test-project.crypto_assets.bars_1s",
    ]
    assert {row["condition"] for row in service.ledger.values()} == {"confirmed"}
    began = len(service.began)
    assert materialize(bigquery, MIDDLE, MIDDLE).success
    assert len(service.began) == began + 1, "only the question what is loaded"


def test_days_that_may_not_leave_fail_the_run_and_the_others_are_loaded(
    materialize: Materialize,
    service: Service,
    settings: Path,
    instance: dg.DagsterInstance,
) -> None:
    pytest.importorskip("dagster_gcp", reason="the extra gcp is not installed")
    settings.write_text(block(service, 'assets = ["daily_trades"]\n'))
    result = materialize(bigquery, f"{DAYS[0]}|BTCUSDT", f"{DAYS[2]}|BTCUSDT")
    assert not result.success
    assert f"found binance:BTCUSDT {DAYS[0]}: provisional" in failure(result)
    assert instance.get_materialized_partitions(dg.AssetKey("bigquery")) == {MIDDLE}
    wanted = {DAYS[0], DAYS[1], DAYS[2]}
    result = materialize(bigquery, f"{DAYS[0]}|BTCUSDT", f"{DAYS[2]}|BTCUSDT", unproven=True)
    assert result.success
    assert {row["date"] for row in service.ledger.values()} == wanted


def test_without_an_endpoint_dagster_gcp_connects_with_the_environments_credentials(
    materialize: Materialize,
    service: Service,
    settings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("dagster_gcp", reason="the extra gcp is not installed")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "loader@test-project.iam.gserviceaccount.com",
        "token_uri": f"{service.url}/token",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service.url)
    settings.write_text(f'[bigquery]\nproject = "{PROJECT}"\nassets = ["daily_trades"]\n')
    assert materialize(bigquery, MIDDLE, MIDDLE).success
    assert set(service.tokens) == {"Bearer t0ken"}


def test_without_credentials_the_run_says_what_it_expected(
    materialize: Materialize,
    settings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("dagster_gcp", reason="the extra gcp is not installed")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    settings.write_text(f'[bigquery]\nproject = "{PROJECT}"\n')
    said = failure(materialize(bigquery, MIDDLE, MIDDLE))
    assert "expected Google credentials in the environment" in said


@pytest.mark.parametrize(
    ("asset", "said"),
    [(bigquery, "expected [bigquery]"), (objects, "expected [objects]")],
)
def test_an_asset_that_is_not_set_up_says_so(
    asset: dg.AssetsDefinition,
    said: str,
    materialize: Materialize,
) -> None:
    assert said in failure(materialize(asset, MIDDLE, MIDDLE))


def test_only_what_is_set_up_is_an_asset() -> None:
    assert sinks_of(Settings()) == []
    assert sinks_of(Settings(bigquery=BigQuery(project=PROJECT))) == [bigquery]
    assert sinks_of(Settings(objects=Objects(to="s3://bucket"))) == [objects]


CHILD = """
import sys
import warnings; warnings.simplefilter("ignore")
import crypto_assets.definitions
names = {name for name in sys.modules if name.startswith(("google.cloud", "google.auth"))}
print(sorted(names | ({"dagster_gcp", "s3fs", "gcsfs"} & set(sys.modules))))
graph = crypto_assets.definitions.defs.resolve_asset_graph()
print("bigquery" in {key.to_user_string() for key in graph.get_all_asset_keys()})
from crypto_assets.defs.sending import client_of
from crypto_assets.errors import NotInstalled
from crypto_assets.settings import BigQuery
try:
    with client_of(BigQuery(project="test-project")):
        pass
except NotInstalled as error:
    print(error)
"""


def test_the_definitions_load_without_dagster_gcp_and_the_error_names_the_extra(
    settings: Path,
) -> None:
    settings.write_text(f'[bigquery]\nproject = "{PROJECT}"\n')
    found = subprocess.run(
        [sys.executable, "-c", BLOCKER.format(blocked=("dagster_gcp", "pandas")) + CHILD],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "CRYPTO_ASSETS_SETTINGS": str(settings)},
    )
    assert found.stdout.splitlines() == [
        "[]",
        "True",
        "dagster_gcp: is not installed; pip install 'crypto-assets[gcp]'",
    ], found.stderr
