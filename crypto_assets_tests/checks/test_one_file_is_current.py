"""F5."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "one_file_is_current"
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


def test_anything_beside_the_file_fails_and_is_named(make: Make, day: Day, asset: str) -> None:
    sealed = replace(day.sealed[asset], neighbours=("old.parquet", "x.tmp"))
    verdict = make.judge(asset, NAME, make.sealed_as(day, asset, sealed))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence == {"count": 2, "neighbours": ["old.parquet", "x.tmp"]}
