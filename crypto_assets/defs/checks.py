"""Asset checks, recorded per partition.

Partitioned asset checks are a preview feature of this version of Dagster; all that leans on it is
in this module, and the table ``verdicts`` in the lake is the truth either way.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import dagster as dg

from crypto_assets.checks import checks_of
from crypto_assets.checks.check import Blocks, Check
from crypto_assets.checks.listed import ListingCheck
from crypto_assets.checks.priced import PriceCheck
from crypto_assets.defs.partitions import key_of, partitions_of, symbol_days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Severity, Verdict
from crypto_assets.pipeline import verdicts

Event = dg.AssetCheckEvaluation | dg.Output[None]


def specs_of(
    asset: str,
    partitions: dg.PartitionsDefinition[str] = symbol_days,
    checks: Mapping[str, Check | ListingCheck | PriceCheck] | None = None,
) -> list[dg.AssetCheckSpec]:
    """Declare every check of an asset: those of the catalogue that name it, or other ones."""
    declared = checks_of(asset) if checks is None else checks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [_spec(asset, name, check, partitions) for name, check in declared.items()]


def _spec(
    asset: str,
    name: str,
    check: Check | ListingCheck | PriceCheck,
    partitions: dg.PartitionsDefinition[str],
) -> dg.AssetCheckSpec:
    metadata = {"code": check.code, "severity": check.severity.value}
    if isinstance(check, Check):
        metadata["blocks"] = check.blocks
    return dg.AssetCheckSpec(
        name=name,
        asset=asset,
        description=f"{check.code}: {check.says}",
        # In Dagster's sense a blocking check comes before whatever is downstream.
        blocking=isinstance(check, Check),
        partitions_def=partitions,
        metadata=metadata,
    )


def checks_definition(asset: str) -> dg.AssetChecksDefinition:
    """Define all checks of one asset as one step, each of them also executable by itself."""

    @dg.multi_asset_check(
        name=f"{asset}_checks",
        specs=specs_of(asset),
        can_subset=True,
        description=f"Judge {asset} by every proposition about it.",
    )
    def judge(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[Event]:
        selected = {key.name for key in context.selected_asset_check_keys}
        asked = _asked(context.op_execution_context)
        found = _judge(lake.lake, asset, asked or lake.lake.layout.partitions(asset))
        yield from _evaluations(found, selected)
        if not asked:
            yield from overall(asset, found, selected)
        for name in sorted(selected):
            yield dg.Output(None, output_name=f"{asset}_{name}")

    return judge


def _asked(context: dg.OpExecutionContext) -> list[Partition]:
    """The partitions a run is of; none where it was started without one, as the UI does."""
    if context.has_partition_key or context.has_partition_key_range:
        return partitions_of(context.partition_keys)
    return []


Found = Mapping[Partition, tuple[Verdict, ...]]
"""The verdicts on an asset, by partition."""


def _judge(lake: Lake, asset: str, partitions: Iterable[Partition]) -> Found:
    """Judge the partitions of an asset that are stored; a day as a whole always can be."""
    return {
        partition: verdicts.judge(lake, asset, partition)
        for partition in partitions
        if asset == "verdicts" or lake.layout.files(asset, partition)
    }


def overall(
    asset: str,
    found: Found,
    selected: set[str],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Sum up a run that was asked for no partition: every stored one was judged."""
    for name in sorted(selected):
        failed = [
            partition
            for partition, those in found.items()
            if any(verdict.check == name and verdict.is_fault for verdict in those)
        ]
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(asset),
            check_name=name,
            passed=not failed,
            description=f"{len(found) - len(failed)} of {len(found)} stored partitions passed",
            metadata={"failed": dg.MetadataValue.json([str(one) for one in failed])},
            blocking=False,
        )


_HEALED_BY = frozenset(
    {
        "trade_ids_are_contiguous",
        "aggregates_cover_the_trades",
        "klines_count_every_trade",
        "day_edges_join",
    },
)


def evaluations_of(
    partition: Partition,
    found: Iterable[Verdict],
    *,
    stops: bool = False,
    key: str | None = None,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Tell Dagster of verdicts on a partition; ``stops`` whether a fault ends the run there.

    ``key`` is the partition's own where it is not one of symbol and day.
    """
    for verdict in found:
        remedy = {}
        if not verdict.passed and verdict.check in _HEALED_BY:
            remedy["remedy"] = dg.MetadataValue.text(
                f"Launch the job heal for {key_of(partition)}, or type: crypto-assets heal "
                f"--symbol {partition.instrument.symbol} --date {partition.date}",
            )
        yield evaluation_of(
            verdict,
            key or key_of(partition),
            remedy,
            blocking=_blocks(verdict) and stops,
        )


def evaluation_of(
    verdict: Verdict,
    key: str,
    metadata: Mapping[str, dg.MetadataValue] | None = None,
    *,
    blocking: bool = False,
) -> dg.AssetCheckEvaluation:
    """Tell Dagster of one verdict on the partition that has a key."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(verdict.asset),
        check_name=verdict.check,
        passed=verdict.passed,
        severity=_SEVERITY[verdict.severity],
        description=verdict.message,
        metadata={
            "code": dg.MetadataValue.text(verdict.code),
            "evidence": dg.MetadataValue.json(dict(verdict.evidence)),
            **(metadata or {}),
        },
        partition=key,
        blocking=blocking,
    )


def judge_beside(
    context: dg.AssetCheckExecutionContext,
    lake: Lake,
    asset: str,
    judge: Callable[[Partition], tuple[Verdict, ...]],
    asked: Callable[[Sequence[str]], Iterable[tuple[Partition, str]]],
) -> Iterator[Event]:
    """Judge an asset that is beside the graph of a day, in a run of its checks.

    That is the run's partitions, or where it was started without one every stored one together.

    Args:
        context: the run.
        lake: where the asset lies.
        asset: which one.
        judge: runs its checks on a partition.
        asked: reads Dagster's keys; gives each partition with its own.

    """
    selected = {key.name for key in context.selected_asset_check_keys}
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        for partition, key in asked(run.partition_keys):
            if lake.layout.files(asset, partition):
                found = [verdict for verdict in judge(partition) if verdict.check in selected]
                yield from evaluations_of(partition, found, key=key)
    else:
        every = {partition: judge(partition) for partition in lake.layout.partitions(asset)}
        yield from overall(asset, every, selected)
    for name in sorted(selected):
        yield dg.Output(None, output_name=f"{asset}_{name}")


def _evaluations(
    found: Found,
    selected: set[str],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Record every verdict on its partition.

    A failure blocks the run where no partition is left to go on with; otherwise the others go on
    and the assets downstream leave the failed one out.
    """
    failing = {partition for partition, those in found.items() if any(map(_blocks, those))}
    for partition, those in found.items():
        wanted = [verdict for verdict in those if verdict.check in selected]
        yield from evaluations_of(partition, wanted, stops=len(failing) == len(found))


_SEVERITY = {
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
    Severity.WARN: dg.AssetCheckSeverity.WARN,
    Severity.INFO: dg.AssetCheckSeverity.WARN,
}


def _blocks(verdict: Verdict) -> bool:
    if not verdict.is_fault:
        return False
    check = checks_of(verdict.asset).get(verdict.check)
    return check is not None and check.blocks is Blocks.EVERYTHING


@dg.op(description="Judge every stored asset of a day by all its checks, as it lies.")
def judge_every_asset(context: dg.OpExecutionContext, lake: LakeResource) -> Iterator[Event]:
    """Record every verdict on the run's partitions; fails where one has a fault."""
    asked = _asked(context)
    if not asked:
        raise dg.Failure(description="no partition: choose one when launching this job")
    faults: list[str] = []
    for asset in ASSETS:
        found = _judge(lake.lake, asset, asked)
        yield from _evaluations(found, set(checks_of(asset)))
        faults.extend(
            f"{partition} {asset}.{verdict.check}: {verdict.message}"
            for partition, those in found.items()
            for verdict in those
            if verdict.is_fault
        )
    if faults:
        raise dg.Failure(description="; ".join(faults), allow_retries=False)
    yield dg.Output(None)


@dg.job(
    name="checks_only",
    partitions_def=symbol_days,
    executor_def=dg.in_process_executor,
    description="Judge days again as they lie, without making anything.",
)
def checks_only() -> None:
    """Run every check of a partition, and nothing else."""
    judge_every_asset()


checks = [checks_definition(asset) for asset in ASSETS if checks_of(asset)]
