"""T14."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_assets.model.manifest import Input
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "archive_checksums_match"


def test_verified_and_absent_checksums_pass(make: Make) -> None:
    inputs = (
        Input(name="z.zip", sha256="11", source="archive", rows=4, checksum="verified"),
        Input(name="y.zip", sha256="33", source="archive", checksum="verified"),
        Input(name="s", sha256="22", source="stream"),
    )
    verdict = make.judge("raw_trades", NAME, make.declared(make.day(make.trades()), inputs=inputs))
    assert verdict.passed
    assert verdict.evidence == {"verified": 2, "inputs": 3}


def test_a_mismatch_warns_and_is_named(make: Make) -> None:
    inputs = (Input(name="z.zip", sha256="11", source="archive", checksum="mismatch"),)
    verdict = make.judge("raw_trades", NAME, make.declared(make.day(make.trades()), inputs=inputs))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence == {"mismatches": [{"name": "z.zip", "sha256": "11"}]}
