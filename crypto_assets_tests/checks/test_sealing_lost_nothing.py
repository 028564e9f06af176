"""F2."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "sealing_lost_nothing"
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


@pytest.mark.parametrize(("field", "value"), [("rows", 1), ("logical_hash", "other")])
def test_a_file_that_holds_something_else_fails(
    make: Make,
    day: Day,
    asset: str,
    field: str,
    value: object,
) -> None:
    sealed = replace(day.sealed[asset], **{field: value})  # type: ignore[arg-type]
    verdict = make.judge(asset, NAME, make.sealed_as(day, asset, sealed))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["differ"].keys() == {field}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows", 1),
        ("logical_hash", "other"),
        ("first_id", 3),
        ("last_id", 3),
        ("missing", ((8, 9),)),
    ],
)
def test_a_manifest_that_says_something_else_fails(
    make: Make,
    day: Day,
    asset: str,
    field: str,
    value: object,
) -> None:
    sealed = day.sealed[asset]
    manifest = msgspec.structs.replace(sealed.manifest, **{field: value})
    verdict = make.judge(
        asset, NAME, make.sealed_as(day, asset, replace(sealed, manifest=manifest))
    )
    assert not verdict.passed
    if field == "missing":
        assert verdict.evidence["differ"] == {"missing": {"merged": [], "sealed": [[8, 9]]}}


def test_without_a_summary_of_what_was_sealed_it_fails(make: Make, day: Day, asset: str) -> None:
    bare = replace(day, trades_summary=None, quotes_summary=None, bars_summary=None)
    assert "cannot be judged" in make.judge(asset, NAME, bare).message
