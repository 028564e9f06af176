"""What a verdict and a condition mean for whoever must act."""

from __future__ import annotations

import pytest

from crypto_assets.model.verdict import Condition, Severity, Verdict


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("passed", [True, False])
def test_only_a_failed_error_is_a_fault(severity: Severity, passed: bool) -> None:  # noqa: FBT001
    verdict = Verdict("raw_trades", "x", "T0", severity, passed, "")
    assert verdict.is_fault == (severity is Severity.ERROR and not passed)


def test_somebody_must_act_on_degraded_and_missing_days_only() -> None:
    faults = {condition for condition in Condition if condition.is_fault}
    assert faults == {Condition.DEGRADED, Condition.MISSING}


def test_a_day_is_proven_where_no_trade_of_it_can_be_missing() -> None:
    proven = {condition for condition in Condition if condition.is_proven}
    assert proven == {Condition.CONFIRMED, Condition.COMPLETE, Condition.HALTED}
