"""F1: the sealed file's footer has its table's columns, types and version, and its own names."""

from __future__ import annotations

from crypto_assets.checks.assets import SEALED, TABLE_OF
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(day: Day, measured: Measured) -> Finding:
    asset: str = measured["asset"]
    sealed = day.sealed.get(asset)
    if sealed is None:
        return Finding.cannot_judge("no sealed file is stored")
    table, manifest = TABLE_OF[asset], sealed.manifest
    differ: dict[str, object] = {}
    if list(sealed.schema.items()) != list(table.schema.items()):
        differ["columns"] = {
            "expected": {name: str(dtype) for name, dtype in table.schema.items()},
            "found": {name: str(dtype) for name, dtype in sealed.schema.items()},
        }
    instrument = day.partition.instrument
    for field, expected, found in (
        ("schema_version", table.version, manifest.schema_version),
        ("table", table.name, manifest.table),
        ("venue", instrument.venue, manifest.venue),
        ("symbol", instrument.symbol, manifest.symbol),
        ("date", day.partition.date.isoformat(), manifest.date),
    ):
        if expected != found:
            differ[field] = {"expected": expected, "found": found}
    if differ:
        return Finding.fails(f"the footer differs in {', '.join(differ)}", {"differ": differ})
    return Finding.passes(f"{len(table.schema)} columns of {table.name} version {table.version}")


CHECK = Check(
    code="F1",
    assets=SEALED,
    says="The sealed file's footer has the columns, types and version of its table.",
    judge=_judge,
)
