"""T15."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "published_files_are_as_taken"


def test_an_unchanged_checksum_passes(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, replace(make.day(make.trades()), republished={}))
    assert verdict.passed
    assert verdict.evidence != {"checked": False}


def test_a_file_published_again_is_named_with_its_new_checksum(make: Make) -> None:
    day = replace(make.day(make.trades()), republished={"A-trades-2024-07-24.zip": "ff"})
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert "A-trades-2024-07-24.zip" in verdict.message
    assert verdict.evidence == {"published_sha256": {"A-trades-2024-07-24.zip": "ff"}}


def test_where_nobody_asked_nothing_is_said(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, make.day(make.trades()))
    assert verdict.evidence == {"checked": False}
