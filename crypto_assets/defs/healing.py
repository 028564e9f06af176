"""Missing ids on their way back: a job for one day, and a sensor that asks for it."""

from collections.abc import Iterator

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.ingesting import UNDER_WAY
from crypto_assets.defs.partitions import (
    key_of,
    partitions_of,
    symbol_days,
    symbol_key,
    symbols,
)
from crypto_assets.defs.refresh import Event, know, refresh_touched
from crypto_assets.defs.resources import LakeResource
from crypto_assets.doors.exchanges import now_us, open_doors
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.heal import heal

_PARTITION = "dagster/partition"
_AT_ONCE = 5


@dg.op(description="Fetch exactly the trade ids that are missing of a day, and build it again.")
def heal_day(
    context: dg.OpExecutionContext,
    lake: LakeResource,
) -> Iterator[Event | dg.Output[None]]:
    """Heal the run's partition; fails where ids stay missing, and the ledger says why."""
    if not context.has_partition_key:
        raise dg.Failure(description="no partition: choose one when launching this job")
    (day,) = partitions_of([context.partition_key])
    found = settings.load()
    healed = heal(lake.lake, day, open_doors(lake.lake, found.healing, found.archive))
    know(context.instance, healed.touched)
    yield from refresh_touched(lake.lake, {day, *healed.touched})
    context.log.info("%d ids healed, %d still missing", healed.count, len(healed.left))
    if len(healed.left):
        raise dg.Failure(
            description=f"{len(healed.left):,} of {len(healed.asked):,} ids are still missing",
            metadata={"missing": dg.MetadataValue.json([list(ids) for ids in healed.left.ranges])},
            allow_retries=False,
        )
    yield dg.Output(None)


@dg.job(
    name="heal",
    partitions_def=symbol_days,
    executor_def=dg.in_process_executor,
    description="Fetch exactly the trade ids that are missing of a day, and build it again.",
    tags={"dagster/priority": "-1", "crypto_assets/heal": "one at a time"},
)
def heal_job() -> None:
    """Run the one step."""
    heal_day()


@dg.sensor(
    name="open_gaps",
    job_name="heal",
    minimum_interval_seconds=30,
    description="Ask for a day to be healed when its gap ledger has ids that are missing.",
)
def open_gaps(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.SensorResult | dg.SkipReason:
    """Reconcile the ledgers with the runs under way; has no memory of its own.

    What was tried in vain is tried again after twice as long each time, until it is healed or
    denied. Gaps of more ids than the settings allow are left to people.
    """
    most = settings.load().healing.most_ids
    filters = dg.RunsFilter(job_name="heal", statuses=list(UNDER_WAY))
    busy = {run.tags.get(_PARTITION) for run in context.instance.get_runs(filters)}
    due: list[Partition] = []
    large: list[str] = []
    for day, found in gaps.open_days(lake.lake, now_us()).items():
        if found > most:
            large.append(f"{day} lacks {found:,}")
        elif key_of(day) not in busy:
            due.append(day)
    if not due:
        why = f"; left to people: {', '.join(large)}" if large else ""
        return dg.SkipReason(f"no gap is to be healed now{why}")
    known = set(context.instance.get_dynamic_partitions(symbols.name or ""))
    due = [day for day in due if symbol_key(day.instrument) in known]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=key_of(day)) for day in due[:_AT_ONCE]],
    )
