"""I4."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.checks.day import Day

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "derived_rows_are_of_what_is_stored"


def test_good_rows_pass_and_lacking_ones_do_not(make: Make) -> None:
    verdict = make.judge("indicators", NAME, make.derived())
    assert verdict.passed, verdict
    assert not make.judge("indicators", NAME, Day(partition=make.partition)).passed


def test_rows_of_other_inputs_are_warned_of(make: Make) -> None:
    day = replace(make.derived(), outdated=("bars 2024-07-23",))
    for asset in ("indicators", "volume_profile"):
        verdict = make.judge(asset, NAME, day)
        assert not verdict.passed
        assert not verdict.is_fault
        assert "bars 2024-07-23" in verdict.message
