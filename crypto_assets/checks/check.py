"""What a check is: a proposition about one partition of an asset, and the way to judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl

from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity

UNNUMBERED = "ids of this venue are not numbered"
"""Why a proposition about a sequence of ids is not checked."""


class Blocks(StrEnum):
    """What a failed ERROR check keeps from being built."""

    EVERYTHING = "everything"
    """Every asset downstream."""
    SEALING = "sealing"
    """The sealed daily files; hot bars are still built and marked incomplete."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a judge found.

    ``checked`` is False where there was nothing to judge, such as klines that are not stored; the
    verdict then says so and neither blocks nor proves. ``severity`` overrides the check's own.
    """

    passed: bool
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    checked: bool = True
    severity: Severity | None = None

    @classmethod
    def passes(
        cls,
        message: str,
        evidence: Mapping[str, object] | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Say that the proposition holds."""
        return cls(passed=True, message=message, evidence=evidence or {}, severity=severity)

    @classmethod
    def fails(
        cls,
        message: str,
        evidence: Mapping[str, object] | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Say that the proposition does not hold."""
        return cls(passed=False, message=message, evidence=evidence or {}, severity=severity)

    @classmethod
    def not_checked(cls, why: str) -> Finding:
        """Say why there was nothing to judge."""
        return cls(passed=True, message=f"not checked: {why}", checked=False)

    @classmethod
    def cannot_judge(cls, why: str) -> Finding:
        """Say what is lacking: a check that cannot run fails."""
        return cls(passed=False, message=f"cannot be judged: {why}", evidence={"lacks": why})


Measured = Mapping[str, Any]
Judge = Callable[[Day, Measured], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A proposition named by its module, found there as ``CHECK``.

    ``measures`` are aggregating expressions over the asset's own table; all checks of an asset are
    measured in one pass over it and each judge is given its own results by name, and the asset's
    name as ``asset``.
    """

    code: str
    """Its short code in the catalogue of checks, such as T2."""
    assets: tuple[str, ...]
    """The assets it judges."""
    says: str
    """The proposition as one sentence."""
    judge: Judge
    severity: Severity = Severity.ERROR
    blocks: Blocks = Blocks.EVERYTHING
    measures: Mapping[str, pl.Expr] = field(default_factory=dict)
