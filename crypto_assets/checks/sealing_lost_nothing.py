"""F2: the sealed file holds what the merged parts hold: rows, ids, holes and values."""

from __future__ import annotations

from crypto_assets.checks.assets import SEALED, summary_of
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(day: Day, measured: Measured) -> Finding:
    asset: str = measured["asset"]
    sealed, merged = day.sealed.get(asset), summary_of(day, asset)
    if sealed is None:
        return Finding.cannot_judge("no sealed file is stored")
    if merged is None:
        return Finding.cannot_judge("no summary of what was sealed is stored")
    said = sealed.manifest
    # What was found in the file stands before what its manifest says of it.
    pairs: tuple[tuple[str, object, object], ...] = (
        ("rows", merged.rows, sealed.rows),
        ("logical_hash", merged.logical_hash, sealed.logical_hash),
        ("manifest_rows", merged.rows, said.rows),
        ("manifest_logical_hash", merged.logical_hash, said.logical_hash),
        ("first_id", merged.first_id, said.first_id),
        ("last_id", merged.last_id, said.last_id),
        ("missing", merged.missing, said.missing),
    )
    differ = {
        field: {"merged": _plain(expected), "sealed": _plain(found)}
        for field, expected, found in pairs
        if expected != found
    }
    if differ:
        return Finding.fails(f"sealed and merged differ in {', '.join(differ)}", {"differ": differ})
    return Finding.passes(
        f"all {sealed.rows:,} rows were sealed",
        {"rows": sealed.rows, "logical_hash": sealed.logical_hash},
    )


def _plain(value: object) -> object:
    """Ranges as lists, as JSON has them; the first 1,000."""
    return [list(found) for found in value[:1_000]] if isinstance(value, tuple) else value


CHECK = Check(
    code="F2",
    assets=SEALED,
    says="The sealed file holds what the merged parts hold.",
    judge=_judge,
)
