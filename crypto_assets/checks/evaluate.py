"""Judge an asset of a day: all its checks measured in one pass, then each given its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from crypto_assets.checks import catalogue, checks_of
from crypto_assets.checks.assets import SEALED, frame_of
from crypto_assets.checks.check import Blocks, Check, Finding
from crypto_assets.checks.day import Day
from crypto_assets.model.verdict import Severity, Verdict

_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises where a file is damaged."""

_QUOTES = ("raw_quotes", "daily_quotes")
_EVIDENCE = ("klines", "agg_trades")


def evaluate(asset: str, day: Day) -> tuple[Verdict, ...]:
    """Judge one asset of a day by every check in the catalogue that names it.

    Every measure is taken in a single streaming pass over the asset's own frame. A check that
    cannot run fails: where its frame is not stored, lacks a column or cannot be read, and where
    its judge lacks something else. A check with nothing to judge passes as INFO and says so in
    its evidence: ``{"checked": false}``.

    Returns:
        One verdict a check, in order of the checks' names; none for an asset no check names.
    """
    checks = checks_of(asset)
    measured = _measure(checks, frame_of(day, asset))
    return tuple(
        _verdict(asset, name, check, _find(asset, name, check, day, measured))
        for name, check in checks.items()
    )


def blocked_by(verdicts: Iterable[Verdict], asset: str) -> tuple[Verdict, ...]:
    """Pick the verdicts that keep an asset from being built: failed ERROR ones that block it.

    A check that blocks sealing keeps back the sealed daily files, one that blocks everything
    keeps back all else. Klines and aggregates are evidence, not ingredients: what is wrong with
    them alone blocks nothing. Quotes go into nothing that must wait for them but their own sealed
    file. Nothing blocks itself, because building it again is what mends it. A verdict by a check
    that is not in the catalogue blocks everything.
    """
    return tuple(verdict for verdict in verdicts if verdict.is_fault and _blocks(verdict, asset))


def _blocks(verdict: Verdict, asset: str) -> bool:
    if verdict.asset in (*_EVIDENCE, asset):
        return False
    if verdict.asset in _QUOTES and asset != "daily_quotes":
        return False
    check = catalogue().get(verdict.check)
    blocks = check.blocks if check is not None else Blocks.EVERYTHING
    return blocks is Blocks.EVERYTHING or (blocks is Blocks.SEALING and asset in SEALED)


def _measure(checks: Mapping[str, Check], frame: pl.LazyFrame | None) -> dict[str, Any] | Finding:
    """Take all measures at once, each named ``check.measure``, or say why they cannot be taken."""
    measures = {
        f"{name}.{measure}": expression
        for name, check in checks.items()
        for measure, expression in check.measures.items()
    }
    if not measures:
        return {}
    if frame is None:
        return Finding.cannot_judge("its rows are not stored")
    try:
        return frame.select(**measures).collect(engine="streaming").row(0, named=True)
    except _UNREADABLE as error:
        return _unreadable(error)


def _find(
    asset: str,
    name: str,
    check: Check,
    day: Day,
    measured: Mapping[str, Any] | Finding,
) -> Finding:
    if isinstance(measured, Finding):
        if check.measures:
            return measured
        measured = {}
    own = {measure: measured[f"{name}.{measure}"] for measure in check.measures}
    try:
        return check.judge(day, {"asset": asset, **own})
    except _UNREADABLE as error:
        return _unreadable(error)


def _unreadable(error: BaseException) -> Finding:
    """Say why a frame lacks a column, has a wrong type or lies in a torn file."""
    return Finding.cannot_judge(f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _verdict(asset: str, name: str, check: Check, finding: Finding) -> Verdict:
    if not finding.checked:
        return Verdict(
            asset=asset,
            check=name,
            code=check.code,
            severity=Severity.INFO,
            passed=True,
            message=finding.message,
            evidence={"checked": False},
        )
    return Verdict(
        asset=asset,
        check=name,
        code=check.code,
        severity=finding.severity or check.severity,
        passed=finding.passed,
        message=finding.message,
        evidence=dict(finding.evidence),
    )
