"""F3."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "row_groups_are_sorted_and_disjoint"
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
    ("keys", "wrong"),
    [
        (((1, 5), (5, 9)), [1]),
        (((6, 9), (1, 5)), [1]),
        (((1, 9), (2, 3)), [1]),
        (((5, 1),), [0]),
        (((1, 5), (3, 7), (6, 9)), [1, 2]),
    ],
)
def test_groups_that_overlap_or_fall_fail(
    make: Make,
    day: Day,
    asset: str,
    keys: tuple[tuple[int, int], ...],
    wrong: list[int],
) -> None:
    sealed = replace(day.sealed[asset], row_group_keys=keys)
    verdict = make.judge(asset, NAME, make.sealed_as(day, asset, sealed))
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["wrong"] == [{"group": at, "keys": list(keys[at])} for at in wrong]


def test_an_empty_file_has_no_groups_and_passes(make: Make, day: Day, asset: str) -> None:
    sealed = replace(day.sealed[asset], row_group_keys=(), rows=0)
    assert make.judge(asset, NAME, make.sealed_as(day, asset, sealed)).passed


def test_rows_without_statistics_fail(make: Make, day: Day, asset: str) -> None:
    sealed = replace(day.sealed[asset], row_group_keys=())
    verdict = make.judge(asset, NAME, make.sealed_as(day, asset, sealed))
    assert "cannot be judged" in verdict.message
