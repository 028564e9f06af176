"""Indicators and volume profiles, as Dagster sees them: beside a day's assets, made after them."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import dagster as dg

from crypto_assets.defs.automation import day_before
from crypto_assets.defs.checks import Event, judge_beside, specs_of
from crypto_assets.defs.metadata import of_table
from crypto_assets.defs.partitions import key_of, partitions_of, symbol_days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.errors import CryptoAssetsError, NothingStored
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.assets import STORED
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.indicators import DERIVED, build, judge


@dataclass(slots=True)
class Derived:
    """The days of one run, each made when the IO manager comes to it; each may fail alone."""

    lake: Lake
    asset: str
    partitions: list[Partition]
    failed: dict[Partition, CryptoAssetsError] = field(default_factory=dict)

    def store(self) -> Iterator[tuple[Partition, list[Committed]]]:
        """Make and store one day after the other; give those that worked."""
        for partition in self.partitions:
            try:
                yield partition, [build(self.lake, self.asset, partition)]
            except CryptoAssetsError as error:
                self.failed[partition] = error

    def key(self, partition: Partition) -> str:
        """Write a partition as Dagster's key."""
        return key_of(partition)

    @property
    def notes(self) -> Sequence[str]:
        """Tell nothing else: a day is made or has failed."""
        return ()

    @property
    def is_fault(self) -> bool:
        """Whether a day failed of which there is something to make it of."""
        return any(not isinstance(error, NothingStored) for error in self.failed.values())


def _asset(name: str) -> dg.AssetsDefinition:
    kind = STORED[name]

    @dg.asset(
        name=name,
        deps=list(kind.upstream),
        partitions_def=symbol_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="lake_io",
        group_name="derived",
        kinds={"polars", "parquet"},
        code_version=str(kind.table.version),
        description=kind.says,
        metadata=of_table(kind.table),
        owners=["team:market-data"],
    )
    def make(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
    ) -> Iterator[dg.Output[Derived]]:
        batch = Derived(lake.lake, name, partitions_of(context.partition_keys))
        yield dg.Output(batch)
        if batch.is_fault:
            raise dg.Failure(
                description="; ".join(str(error) for error in batch.failed.values()),
                allow_retries=False,
            )

    return make


def _checks(name: str) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{name}_checks",
        specs=specs_of(name),
        can_subset=True,
        description=f"Judge {name} by every proposition about it.",
    )
    def checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[Event]:
        yield from judge_beside(
            context,
            lake.lake,
            name,
            partial(judge, lake.lake, name),
            lambda keys: [(day, key_of(day)) for day in partitions_of(keys)],
        )

    return checks


with warnings.catch_warnings():
    # A backfill policy is a beta feature of this version of Dagster, which is pinned.
    warnings.simplefilter("ignore", dg.BetaWarning)
    derived = [_asset(name) for name in DERIVED]
derived_checks = [_checks(name) for name in DERIVED]

indicators_day = dg.define_asset_job(
    "indicators_day",
    selection=dg.AssetSelection.assets(*DERIVED),
    description="Indicators and volume profiles of days that are built, and their checks.",
)


@dg.schedule(
    name="daily_indicators",
    job=indicators_day,
    cron_schedule="15 2 * * *",
    execution_timezone="UTC",
    description="Make the indicators of the day before, of every symbol, once it is sealed.",
)
def daily_indicators(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run of the day before over all symbols."""
    return day_before(context, "daily_indicators")
