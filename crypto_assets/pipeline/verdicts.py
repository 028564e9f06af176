"""Judge partitions, and keep every verdict in the lake: the table ``verdicts`` is the truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from crypto_assets.checks.condition import conclude
from crypto_assets.checks.day import Day
from crypto_assets.checks.evaluate import blocked_by, evaluate
from crypto_assets.errors import CryptoAssetsError, NothingStored, Terminal, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.draft import Draft, readable, scan_files
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.lake.parts import digest_of
from crypto_assets.model.assets import ASSETS, downstream_of, upstream_of
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import VERDICTS
from crypto_assets.model.verdict import Condition, Severity, Verdict
from crypto_assets.pipeline.days import day_of, judged_day
from crypto_assets.pipeline.listings import is_awaited, is_not_listed

_IS_MADE = "is_made"
_PROVE_MISSING = ("klines_count_every_trade", "aggregates_cover_the_trades")


class Blocked(Terminal):
    """A partition of an asset that failed checks keep from being made."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of a partition's verdicts."""

    condition: Condition
    verdicts: tuple[Verdict, ...]
    judged: dict[str, str]
    """The digest of the parts each asset's verdicts are about."""


def read(lake: Lake, partition: Partition) -> Stored | None:
    """Read a partition's verdicts, None where nothing was judged yet.

    A damaged file is as good as none: everything in it can be judged again.
    """
    path = lake.layout.file("verdicts", partition)
    try:
        manifest = lake.manifest("verdicts", partition)
        with readable(str(path)):
            rows = lake.scan("verdicts", partition).collect()
    except (UnreadableInput, NothingStored):
        return None
    if manifest is None:
        return None
    verdicts = tuple(
        Verdict(
            asset=row["asset"],
            check=row["check"],
            code=row["code"],
            severity=Severity(row["severity"]),
            passed=row["passed"],
            message=row["message"],
            evidence=json.loads(row["evidence"]),
        )
        for row in rows.iter_rows(named=True)
    )
    judged = {key: value for key, value in manifest.parents.items() if key != "condition"}
    return Stored(Condition(manifest.parents["condition"]), verdicts, judged)


def judge(lake: Lake, asset: str, partition: Partition) -> tuple[Verdict, ...]:
    """Run every check of one asset on a partition and keep the answers.

    Verdicts on anything downstream fall when the asset is no longer what they were built on. A
    damaged file is a verdict too. What the verdicts are about is named before it is looked at: what
    another process stores meanwhile makes them old, not right.
    """
    digest = about(lake, asset, partition)
    try:
        found = evaluate(asset, judged_day(lake, asset, partition))
    except UnreadableInput as error:
        found = (failure(asset, error),)
    record(lake, asset, partition, found, digest)
    return found


def fail(lake: Lake, asset: str, partition: Partition, error: CryptoAssetsError) -> Verdict:
    """Keep it as a verdict that a partition of an asset could not be made, and why."""
    verdict = failure(asset, error)
    record(lake, asset, partition, (verdict,))
    return verdict


def failure(asset: str, error: CryptoAssetsError) -> Verdict:
    """Make a verdict of why an asset could not be made or judged."""
    return Verdict(
        asset=asset,
        check=_IS_MADE,
        code="A1",
        severity=Severity.ERROR,
        passed=False,
        message=str(error),
        evidence={"error": type(error).__name__},
    )


def is_consequence(verdict: Verdict) -> bool:
    """Whether a verdict only says that another, further up, kept something from being made."""
    return verdict.check == _IS_MADE and verdict.evidence.get("error") == Blocked.__name__


def record(
    lake: Lake,
    asset: str,
    partition: Partition,
    found: Sequence[Verdict],
    digest: str | None = None,
) -> Committed:
    """Replace one asset's verdicts of a partition and conclude its condition anew.

    Args:
        lake: where they are kept.
        asset: what they are about.
        partition: whose they are.
        found: all of the asset's.
        digest: names what of the asset they are about; None where that is all there is now.

    """
    directory = lake.layout.directory("verdicts", partition)
    with atomic.locked(directory):
        old = read(lake, partition)
        verdicts = list(old.verdicts) if old else []
        judged = dict(old.judged) if old else {}
        if digest is None:
            digest = about(lake, asset, partition)
        fallen = {asset}
        if judged.get(asset) != digest:
            fallen |= downstream_of(asset)
        verdicts = [verdict for verdict in verdicts if verdict.asset not in fallen]
        judged = {name: known for name, known in judged.items() if name not in fallen}
        verdicts.extend(found)
        judged[asset] = digest
        return _write(lake, partition, verdicts, judged)


def about(lake: Lake, asset: str, partition: Partition) -> str:
    """Name what an asset's verdicts are about; a day as a whole is its ids and what is around."""
    if asset != "verdicts":
        parts = lake.parts(asset, partition)
        return digest_of(parts) if parts else ""
    day = _readable_day(lake, partition)
    if day is None:
        return "unreadable"
    trades, klines = about(lake, "raw_trades", partition), about(lake, "klines", partition)
    return f"trades={trades} klines={klines} previous={day.previous} next={day.next}"


def _readable_day(lake: Lake, partition: Partition) -> Day | None:
    try:
        return day_of(lake, partition)
    except UnreadableInput:
        return None


def _condition(lake: Lake, partition: Partition, verdicts: Sequence[Verdict]) -> Condition:
    day = _readable_day(lake, partition)
    if day is None:
        return Condition.DEGRADED
    return conclude(
        verdicts,
        day,
        not_listed=is_not_listed(lake, partition),
        awaited=is_awaited(lake, partition),
    )


def _write(
    lake: Lake,
    partition: Partition,
    verdicts: Sequence[Verdict],
    judged: dict[str, str],
) -> Committed:
    condition = _condition(lake, partition, verdicts).value
    order = list(ASSETS)
    rows = pl.DataFrame(
        [
            {
                "asset": verdict.asset,
                "check": verdict.check,
                "code": verdict.code,
                "severity": verdict.severity.value,
                "passed": verdict.passed,
                "message": verdict.message,
                "evidence": msgspec.json.encode(dict(verdict.evidence)).decode(),
                "condition": condition,
            }
            for verdict in sorted(verdicts, key=lambda v: (order.index(v.asset), v.check))
        ],
        schema=VERDICTS.schema,
    )
    parents = {**dict(sorted(judged.items())), "condition": condition}
    return lake.commit("verdicts", partition, Draft(rows=[rows], parents=parents))


def glance(lake: Lake, partition: Partition) -> Stored:
    """What a partition's verdicts are, or would be by the checks of the day as a whole.

    Writes nothing: a day whose trades were imported and not built yet, the first time or again,
    is judged by its ids and edges only.
    """
    stored = read(lake, partition)
    try:
        digest = about(lake, "raw_trades", partition)
    except UnreadableInput as error:
        return Stored(Condition.DEGRADED, (failure("raw_trades", error),), {})
    if stored is not None and digest in ("", stored.judged.get("raw_trades")):
        return stored
    found: list[Verdict] = []
    for asset in ("verdicts", "raw_trades") if digest else ("verdicts",):
        try:
            found.extend(evaluate(asset, judged_day(lake, asset, partition)))
        except UnreadableInput as error:
            found.append(failure(asset, error))
    return Stored(_condition(lake, partition, found), tuple(found), {})


def proven_missing(found: Iterable[Verdict]) -> Coverage:
    """The ids that klines or aggregates prove to exist and that were not held when judged."""
    proven = [
        verdict.evidence.get("missing", []) for verdict in found if verdict.check in _PROVE_MISSING
    ]
    return Coverage.of(ids for one in proven for ids in msgspec.convert(one, list[Range]))


def proven_missing_of(lake: Lake, partitions: Sequence[Partition]) -> dict[Partition, Coverage]:
    """:func:`proven_missing` of many partitions at once, as their stored verdicts say.

    One whose verdicts are not there is left out; so are all where one cannot be read.
    """
    paths = {str(lake.layout.file("verdicts", one)): one for one in partitions}
    there = [Path(path) for path in paths if Path(path).exists()]
    if not there:
        return {}
    rows = scan_files(there, path_column="path").filter(pl.col("check").is_in(_PROVE_MISSING))
    found = {paths[str(path)]: Coverage() for path in there}
    try:
        with readable("verdicts"):
            told = rows.select("path", "evidence").collect()
    except UnreadableInput:
        return {}
    for path, evidence in told.iter_rows():
        missing = json.loads(evidence).get("missing", [])
        found[paths[path]] |= Coverage.of(msgspec.convert(missing, list[Range]))
    return found


def hold_back(lake: Lake, asset: str, partition: Partition) -> None:
    """Refuse a partition of an asset that failed checks upstream keep from being made.

    Whatever upstream was not judged yet as it lies is judged first: nothing is built on data
    nobody has looked at.

    Raises:
        Blocked: naming every failed check and what it found.
    """
    before = upstream_of(asset)
    stored = read(lake, partition)
    for name in (name for name in ASSETS if name in before and name != "verdicts"):
        digest = about(lake, name, partition)
        if digest and (stored is None or stored.judged.get(name) != digest):
            judge(lake, name, partition)
    stored = read(lake, partition)
    upstream = [v for v in (stored.verdicts if stored else ()) if v.asset in before]
    blocking = [verdict for verdict in blocked_by(upstream, asset) if not is_consequence(verdict)]
    if blocking:
        why = "; ".join(f"{verdict.check}: {verdict.message}" for verdict in blocking)
        raise Blocked(f"{asset} of {partition} is blocked by {why}")


def conclude_day(lake: Lake, partition: Partition) -> tuple[Verdict, ...]:
    """Judge a day as a whole, and its neighbours anew where they have verdicts.

    A neighbour's edge may be proven only now: its condition changes, its data does not.
    """
    found = judge(lake, "verdicts", partition)
    for other in (partition.previous, partition.next):
        known = read(lake, other)
        if known is not None and known.judged.get("verdicts") != about(lake, "verdicts", other):
            judge(lake, "verdicts", other)
    return found
