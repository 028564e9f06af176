"""What the exchange publishes of finished days, on its way into the lake."""

import datetime as dt
from collections.abc import Iterator, Sequence

import dagster as dg

from crypto_assets import settings
from crypto_assets.checks import catalogue
from crypto_assets.defs.automation import RANGE_END, RANGE_START
from crypto_assets.defs.ingesting import UNDER_WAY
from crypto_assets.defs.partitions import key_of, partitions_of, symbol_days, symbols
from crypto_assets.defs.refresh import Event, refresh
from crypto_assets.defs.resources import LakeResource
from crypto_assets.errors import Refused, Transient
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.published import KINDS, Found, due_days, take_published

_FILES_A_TICK = 200
_TAG = {"crypto_assets/published": "recent days"}


@dg.op(description="Read published checksums again, take what changed, and seal those days anew.")
def recheck_days(
    context: dg.OpExecutionContext,
    lake: LakeResource,
) -> Iterator[Event | dg.Output[None]]:
    """Ask the archive about the run's partitions; fails where a file could not be had."""
    if not (context.has_partition_key or context.has_partition_key_range):
        raise dg.Failure(description="no partition: choose some when launching this job")
    archive = lake.archive
    if archive is None:
        raise dg.Failure(description="the settings name no archive to ask")
    days = partitions_of(context.partition_keys)
    outcomes = [
        outcome
        for asset in KINDS
        for outcome in take_published(lake.lake, asset, days, archive, again=True)
    ]
    for outcome in outcomes:
        context.log.info("%s: %s", outcome.file, outcome.why or outcome.found.value)
    changed = {one.day for one in outcomes if one.found in (Found.TAKEN, Found.DIFFERS)}
    yield from refresh(lake.lake, tuple(ASSETS), sorted(changed), catalogue())
    failed = {one.file: one.why or "" for one in outcomes if one.found is Found.FAILED}
    if failed:
        raise dg.Failure(
            description="; ".join(f"{name}: {why}" for name, why in failed.items()),
            allow_retries=False,
        )
    yield dg.Output(None)


@dg.job(
    name="recheck",
    partitions_def=symbol_days,
    executor_def=dg.in_process_executor,
    description="Read the published checksums of any days again; what was published anew is taken, "
    "its difference noted in the ledger of revisions, and the day sealed as a new version.",
    tags={"dagster/priority": "-1"},
)
def recheck() -> None:
    """Run the one step."""
    recheck_days()


@dg.sensor(
    name="published_files",
    job_name="market_day",
    minimum_interval_seconds=600,
    description="Look what the exchange has published of recent days, for the first time or anew, "
    "and ask for those days to be made.",
)
def published_files(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.SensorResult | dg.SkipReason:
    """Reconcile the archive's checksums with what is here.

    A file that is not there yet is asked for after 15 minutes, 30, and so on up to 8 hours; one
    that is here has its checksum read once an hour, as long as its day is recent.
    """
    archive = lake.archive
    if archive is None:
        return dg.SkipReason("the settings name no archive to ask")
    filters = dg.RunsFilter(tags=_TAG, statuses=list(UNDER_WAY))
    if context.instance.get_runs_count(filters):
        return dg.SkipReason("the run asked for before is under way")
    known = sorted(context.instance.get_dynamic_partitions(symbols.name or ""))
    days = _recent(known, settings.load().archive.recheck_days)
    try:
        due = due_days(lake.lake, tuple(KINDS), days, archive, _FILES_A_TICK)
    except (Transient, Refused) as error:
        return dg.SkipReason(f"the archive cannot be asked now: {error}")
    if not due:
        return dg.SkipReason("everything that is published of recent days is here")
    return dg.SensorResult(run_requests=list(_requests(due, known)))


def _recent(keys: Sequence[str], count: int) -> list[Partition]:
    """The last days that are over, the newest first, of every symbol."""
    today = dt.datetime.now(dt.UTC).date()
    dates = [today - dt.timedelta(days=back) for back in range(1, count + 1)]
    return [
        day
        for date in dates
        if date >= dt.date.fromisoformat(settings.load().first_date)
        for day in partitions_of(f"{date}|{key}" for key in keys)
    ]


def _requests(due: Sequence[Partition], keys: Sequence[str]) -> Iterator[dg.RunRequest]:
    """Ask for one run of a date where every symbol is due, and for one a day and symbol else."""
    for date in sorted({day.date for day in due}):
        those = [day for day in due if day.date == date]
        if len(those) == len(keys) > 1:
            ends = {RANGE_START: f"{date}|{keys[0]}", RANGE_END: f"{date}|{keys[-1]}"}
            yield dg.RunRequest(tags={**_TAG, **ends})
        else:
            for day in those:
                yield dg.RunRequest(partition_key=key_of(day), tags=_TAG)
