"""F1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "footer_schema_is_the_contract"
ASSETS = ("daily_trades", "daily_quotes", "daily_bars")


@pytest.fixture(params=ASSETS)
def asset(request: pytest.FixtureRequest) -> str:
    """Each asset that is sealed."""
    return str(request.param)


@pytest.fixture
def day(make: Make, asset: str) -> Day:
    """A day whose sealed file has no flaw."""
    return make.sealed(make.day(make.trades(), make.quotes()), asset)


def test_a_flawless_file_passes(make: Make, day: Day, asset: str) -> None:
    verdict = make.judge(asset, NAME, day)
    assert verdict.passed, verdict.message
    assert verdict.severity is Severity.ERROR


def test_without_a_sealed_file_it_fails(make: Make, day: Day, asset: str) -> None:
    assert "cannot be judged" in make.judge(asset, NAME, replace(day, sealed={})).message


@pytest.mark.parametrize("fault", ["order", "type", "missing"])
def test_other_columns_fail(make: Make, day: Day, asset: str, fault: str) -> None:
    sealed = day.sealed[asset]
    first, *rest = sealed.schema.items()
    columns = {
        "order": [*rest, first],
        "type": [(first[0], pl.String()), *rest],
        "missing": rest,
    }[fault]
    changed = make.sealed_as(day, asset, replace(sealed, schema=pl.Schema(columns)))
    verdict = make.judge(asset, NAME, changed)
    assert not verdict.passed
    assert verdict.evidence["differ"].keys() == {"columns"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 9),
        ("table", "others"),
        ("venue", "bybit"),
        ("symbol", "BTCUSDT"),
        ("date", "2024-07-25"),
    ],
)
def test_a_manifest_of_something_else_fails(
    make: Make,
    day: Day,
    asset: str,
    field: str,
    value: object,
) -> None:
    sealed = day.sealed[asset]
    manifest = msgspec.structs.replace(sealed.manifest, **{field: value})
    changed = make.sealed_as(day, asset, replace(sealed, manifest=manifest))
    verdict = make.judge(asset, NAME, changed)
    assert not verdict.passed
    assert verdict.evidence["differ"].keys() == {field}  # type: ignore[attr-defined]
