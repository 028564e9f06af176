"""The assets: each a name and one call."""

import warnings
from collections.abc import Iterator

import dagster as dg

from crypto_assets.defs.batch import Batch, Frames
from crypto_assets.defs.live import segments
from crypto_assets.defs.metadata import of_table
from crypto_assets.defs.partitions import partitions_of, symbol_days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.model.assets import ASSETS, Asset, downstream_of
from crypto_assets.pipeline import verdicts

_RECORDED = ("raw_trades", "raw_quotes")
"""What is made of recordings, among other inputs; only the picture of it knows of this."""
_GROUPS = {
    "raw": "hot",
    "bars": "hot",
    "daily": "sealed",
    "klines": "reference",
    "agg": "reference",
}


def asset_definition(kind: Asset) -> dg.AssetsDefinition:
    """Define one asset; a run makes any range of its partitions."""

    @dg.asset(
        name=kind.name,
        ins={parent: dg.AssetIn(dagster_type=dg.Any) for parent in kind.upstream},
        deps=[*kind.after, *([segments] if kind.name in _RECORDED else [])],
        partitions_def=symbol_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="lake_io",
        group_name=_GROUPS.get(kind.name.split("_")[0], "proof"),
        kinds={"polars", "parquet"},
        code_version=str(kind.table.version),
        description=kind.says,
        metadata=of_table(kind.table),
        owners=["team:market-data"],
    )
    def make(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        **upstream: Frames,
    ) -> Iterator[dg.Output[Batch]]:
        partitions = partitions_of(context.partition_keys)
        batch = Batch(lake.lake, kind.name, partitions, upstream, lake.archive)
        yield dg.Output(batch)
        if _is_last(context, kind.name):
            _fail_with_faults(batch)

    return make


def _is_last(context: dg.AssetExecutionContext, name: str) -> bool:
    """Whether nothing downstream of this asset is part of the run."""
    running = {key.to_user_string() for key in context.job_def.asset_layer.executable_asset_keys}
    if context.run.asset_selection:
        running &= {key.to_user_string() for key in context.run.asset_selection}
    return not running & downstream_of(name)


def _fail_with_faults(batch: Batch) -> None:
    """Fail the run when one of its partitions has a fault, after all others were made.

    Without this a range with a failed partition would end as a success.
    """
    faults: dict[str, str] = {}
    for partition in batch.partitions:
        found = verdicts.read(batch.lake, partition)
        # A day before the symbol was listed, or of a halt, has nothing to make and no fault.
        if found is not None and found.condition.is_fault:
            error = batch.failed.get(partition)
            faults[str(partition)] = str(error) if error else found.condition.value
    if faults:
        raise dg.Failure(
            description="; ".join(f"{partition}: {why}" for partition, why in faults.items()),
            metadata={"partitions with a fault": dg.MetadataValue.json(faults)},
            allow_retries=False,
        )


with warnings.catch_warnings():
    # A backfill policy is a beta feature of this version of Dagster, which is pinned.
    warnings.simplefilter("ignore", dg.BetaWarning)
    assets = [asset_definition(kind) for kind in ASSETS.values()]
