"""One check's answer, and what a partition's answers add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """What a failure means: ERROR blocks what is downstream, WARN is shown, INFO is told."""

    ERROR = "ERROR"
    WARN = "WARN"
    INFO = "INFO"


class Condition(StrEnum):
    """What is known of a partition."""

    CONFIRMED = "confirmed"
    """Complete, and the exchange's own file or klines agree."""
    COMPLETE = "complete"
    """Every id from first to last once, both day edges proven."""
    PROVISIONAL = "provisional"
    """No fault found, but an edge is unproven."""
    DEGRADED = "degraded"
    """Ids missing, conflicting or unreadable."""
    HALTED = "halted"
    """No trade, and the ids prove that none is missing."""
    NOT_LISTED = "not_listed"
    """The symbol did not exist on the venue that day."""
    MISSING = "missing"
    """Nothing is stored."""

    @property
    def is_fault(self) -> bool:
        """Whether somebody must act."""
        return self in (Condition.DEGRADED, Condition.MISSING)

    @property
    def is_proven(self) -> bool:
        """Whether every trade of the day is known to be there.

        A day that was halted, or not listed, has none: it is not among the days with all trades.
        """
        return self in (Condition.CONFIRMED, Condition.COMPLETE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's answer for one partition.

    ``evidence`` holds plain JSON values: counts, ids, ranges as ``[first, last]``, decimals as
    text.
    """

    asset: str
    check: str
    code: str
    severity: Severity
    passed: bool
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        """Whether it failed and blocks."""
        return not self.passed and self.severity is Severity.ERROR
