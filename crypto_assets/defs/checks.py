"""Asset checks, recorded per partition.

Partitioned asset checks are a preview feature of this version of Dagster; all that leans on it is
in this module, and the table ``verdicts`` in the lake is the truth either way.
"""

import warnings
from collections.abc import Iterator, Mapping

import dagster as dg

from crypto_assets.checks import checks_of
from crypto_assets.checks.check import Blocks, Check
from crypto_assets.defs.partitions import key_of, partitions_of, symbol_days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Severity, Verdict
from crypto_assets.pipeline import verdicts

Event = dg.AssetCheckEvaluation | dg.Output[None]


def _specs(asset: str) -> list[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [_spec(asset, name, check) for name, check in checks_of(asset).items()]


def _spec(asset: str, name: str, check: Check) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=name,
        asset=asset,
        description=f"{check.code}: {check.says}",
        # In Dagster's sense a blocking check comes before whatever is downstream.
        blocking=True,
        partitions_def=symbol_days,
        metadata={"code": check.code, "severity": check.severity.value, "blocks": check.blocks},
    )


def checks_definition(asset: str) -> dg.AssetChecksDefinition:
    """Define all checks of one asset as one step, each of them also executable by itself."""

    @dg.multi_asset_check(
        name=f"{asset}_checks",
        specs=_specs(asset),
        can_subset=True,
        description=f"Judge {asset} by every proposition about it.",
    )
    def judge(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[Event]:
        selected = {key.name for key in context.selected_asset_check_keys}
        partitions = partitions_of(context.op_execution_context.partition_keys)
        found = {
            partition: verdicts.judge(lake.lake, asset, partition)
            for partition in partitions
            if _is_there(lake, asset, partition)
        }
        yield from _evaluations(asset, found, selected)
        for name in sorted(selected):
            yield dg.Output(None, output_name=f"{asset}_{name}")

    return judge


def _is_there(lake: LakeResource, asset: str, partition: Partition) -> bool:
    return asset == "verdicts" or bool(lake.lake.layout.files(asset, partition))


def _evaluations(
    asset: str,
    found: Mapping[Partition, tuple[Verdict, ...]],
    selected: set[str],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Record every verdict on its partition.

    A failure blocks the run where no partition is left to go on with; otherwise the others go on
    and the assets downstream leave the failed one out.
    """
    failing = {partition for partition, those in found.items() if any(map(_blocks, those))}
    for partition, those in found.items():
        for verdict in those:
            if verdict.check in selected:
                yield dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(asset),
                    check_name=verdict.check,
                    passed=verdict.passed,
                    severity=_SEVERITY[verdict.severity],
                    description=verdict.message,
                    metadata={
                        "code": dg.MetadataValue.text(verdict.code),
                        "evidence": dg.MetadataValue.json(dict(verdict.evidence)),
                    },
                    partition=key_of(partition),
                    blocking=_blocks(verdict) and len(failing) == len(found),
                )


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


checks = [checks_definition(asset) for asset in ASSETS if checks_of(asset)]
