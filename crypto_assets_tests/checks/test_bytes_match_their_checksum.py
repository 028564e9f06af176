"""F4."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "bytes_match_their_checksum"
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


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("sha256", "ba", "its bytes are not those its sidecar was made of"),
        ("sidecar_sha256", None, "it has no sidecar"),
        ("logical_hash", "other", "its values are not those its manifest was made of"),
    ],
)
def test_another_hash_and_no_sidecar_fail(
    make: Make,
    day: Day,
    asset: str,
    field: str,
    value: str | None,
    told: str,
) -> None:
    sealed = replace(day.sealed[asset], **{field: value})  # type: ignore[arg-type]
    verdict = make.judge(asset, NAME, make.sealed_as(day, asset, sealed))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert told in verdict.message
    assert verdict.evidence[field] == value
