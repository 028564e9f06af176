"""What collectors have sealed, on its way into the lake: one sensor, one run."""

from collections.abc import Iterator

import dagster as dg

from crypto_assets.defs.refresh import LIVE, Event, know, refresh
from crypto_assets.defs.resources import LakeResource
from crypto_assets.pipeline import segments
from crypto_assets.pipeline.ingest import Taken

_CHECKS = ("trade_ids_are_contiguous",)
"""Told with every run; the others are told when the day is built."""

UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


@dg.op(description="Decode new segments once, write their parts, refresh the bars of their days.")
def take_sealed_segments(
    context: dg.OpExecutionContext,
    lake: LakeResource,
) -> Iterator[Event | dg.Output[None]]:
    """Take every sealed segment that waits, and tell which partitions were touched."""
    taken: list[Taken] = []
    unreadable: list[str] = []
    for venue in segments.venues(lake.lake):
        waiting = segments.waiting(lake.lake, venue)
        found, lost = segments.take_segments(lake.lake, venue, waiting)
        taken += found
        unreadable += lost.values()
    days = segments.touched(taken)
    know(context.instance, days)
    yield from refresh(lake.lake, LIVE, days, _CHECKS)
    if unreadable:
        raise dg.Failure(description="; ".join(unreadable), allow_retries=False)
    yield dg.Output(None)


@dg.job(
    name="take_segments",
    executor_def=dg.in_process_executor,
    description="Take what collectors have sealed, and refresh the bars of the days it touches.",
    # What is live comes before every backfill and every heal that waits.
    tags={"dagster/priority": "10"},
)
def take_segments() -> None:
    """Run the one step."""
    take_sealed_segments()


@dg.sensor(
    name="sealed_segments",
    job_name="take_segments",
    minimum_interval_seconds=10,
    description="Ask for one run when collectors have sealed segments that are not taken yet.",
)
def sealed_segments(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.RunRequest | dg.SkipReason:
    """Reconcile what is sealed with what is taken; has no memory of its own.

    While a run is under way no other is asked for; what is sealed meanwhile still waits after it.
    """
    venues = segments.venues(lake.lake)
    waiting = [path for venue in venues for path in segments.waiting(lake.lake, venue)]
    if not waiting:
        return dg.SkipReason("every sealed segment is taken")
    filters = dg.RunsFilter(job_name="take_segments", statuses=list(UNDER_WAY))
    if context.instance.get_runs_count(filters):
        return dg.SkipReason(f"{len(waiting)} segments wait for the run under way to end")
    return dg.RunRequest(tags={"segments": str(len(waiting))})
