"""Parquet between assets: commit what an asset made, hand on lazy frames of what it left."""

import dagster as dg

from crypto_assets.defs.batch import Frames, Stores
from crypto_assets.defs.metadata import Metadata, of_files, of_gaps, of_picture, of_verdicts
from crypto_assets.defs.partitions import partitions_of
from crypto_assets.defs.resources import open_lake
from crypto_assets.lake.lake import Committed
from crypto_assets.model.assets import STORED
from crypto_assets.model.partition import Partition

_PICTURED = ("bars_1s", "verdicts")
_PICTURES = 7


class LakeIOManager(dg.ConfigurableIOManager):
    """Store an asset's partitions in the lake and scan them for the assets downstream.

    One run may hold one partition or a range of them; each is stored, described and fails by
    itself.
    """

    root: str

    def handle_output(self, context: dg.OutputContext, obj: Stores) -> None:
        """Store every partition of a batch.

        Raises:
            dagster.Failure: not one of them could be made, and that is a fault.
        """
        keys: list[str] = []
        for partition, files in obj.store():
            key = obj.key(partition)
            keys.append(key)
            context.step_context.add_asset_metadata(
                self._metadata(obj, partition, files),
                asset_key=context.asset_key,
                partition_key=key,
            )
        for note in obj.notes:
            context.log.info("%s", note)
        for partition, error in obj.failed.items():
            context.log.error("%s of %s: %s", obj.asset, partition, error)
        if not keys and obj.is_fault:
            raise dg.Failure(
                description="; ".join(str(error) for error in obj.failed.values()),
                allow_retries=False,
            )
        if obj.failed:
            _narrow(context, keys)

    def _metadata(self, batch: Stores, partition: Partition, files: list[Committed]) -> Metadata:
        found = of_files(files, STORED[batch.asset].table)
        if batch.asset == "verdicts":
            found |= of_verdicts(batch.lake, partition)
        if batch.asset == "gaps":
            found |= of_gaps(batch.lake, partition)
        # A picture takes longer than the day's work: a backfill of a year is not to wait for it.
        if batch.asset in _PICTURED and len(batch.partitions) <= _PICTURES:
            found |= of_picture(batch.lake, partition)
        return found

    def load_input(self, context: dg.InputContext) -> Frames:
        """Scan the stored partitions of an upstream asset lazily."""
        lake = open_lake(self.root)
        (asset,) = context.asset_key.path
        return {
            partition: lake.scan(asset, partition)
            for partition in partitions_of(context.asset_partition_keys)
            if lake.layout.files(asset, partition)
        }


def _narrow(context: dg.OutputContext, keys: list[str]) -> None:
    """Have Dagster record a materialization for these partitions of a range only.

    There is no public way to say that some partitions of a range were not made; without this the
    failed ones would show as materialized. The version of Dagster is pinned and a test holds it.
    """
    definition = context.asset_partitions_def
    context._asset_partitions_subset = (  # noqa: SLF001 - see above
        definition.empty_subset().with_partition_keys(keys)
    )
