"""New trades every five minutes: one run a symbol, from the last trade stored on."""

from collections.abc import Iterator

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.ingesting import UNDER_WAY
from crypto_assets.defs.partitions import symbol_key, symbols
from crypto_assets.defs.refresh import Event, know, refresh_touched
from crypto_assets.defs.resources import LakeResource
from crypto_assets.doors.exchanges import history_of
from crypto_assets.model.instrument import Instrument
from crypto_assets.pipeline.incremental import fetch_new

_SYMBOL = "crypto_assets/incremental"
"""A tag of which dagster.yaml lets one run of a value go at a time."""


@dg.op(description="Fetch the trades that are newer than those stored, and refresh their days.")
def fetch_new_trades(
    context: dg.OpExecutionContext,
    lake: LakeResource,
) -> Iterator[Event | dg.Output[None]]:
    """Fetch the symbol of the run; fails where the newest trade was not reached."""
    if not context.has_partition_key:
        raise dg.Failure(description="no partition: choose a symbol when launching this job")
    found = settings.load()
    new = fetch_new(
        lake.lake,
        Instrument.parse(context.partition_key, found.venue),
        history_of(lake.lake, found.healing.http_url),
        found.incremental.most_ids,
    )
    know(context.instance, new.touched)
    yield from refresh_touched(lake.lake, new.touched)
    context.log.info("%d new trades", new.count)
    if new.why is not None:
        raise dg.Failure(description=new.why, allow_retries=False)
    yield dg.Output(None)


_of_symbol = dg.PartitionedConfig(
    partitions_def=symbols,
    run_config_for_partition_key_fn=lambda _: {},
    tags_for_partition_key_fn=lambda key: {_SYMBOL: key},
)


@dg.job(
    name="incremental",
    config=_of_symbol,
    executor_def=dg.in_process_executor,
    description="Fetch a symbol's new trades by id, and refresh the bars of the days they are of.",
    tags={"dagster/priority": "5"},
)
def incremental_job() -> None:
    """Run the one step."""
    fetch_new_trades()


@dg.schedule(
    name="incremental_trades",
    job=incremental_job,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    description="Fetch the new trades of the symbols of the settings' [incremental].",
)
def incremental_trades(
    context: dg.ScheduleEvaluationContext,
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for one run of every symbol that has none under way.

    What has come meanwhile is fetched by the next one: the data itself tells how far it came.
    """
    found = settings.load()
    wanted = [symbol_key(Instrument(found.venue, name)) for name in found.incremental.symbols]
    if not wanted:
        return dg.SkipReason("the settings name no symbol: [incremental] symbols = [...]")
    known = set(context.instance.get_dynamic_partitions(symbols.name or ""))
    filters = dg.RunsFilter(job_name=incremental_job.name, statuses=list(UNDER_WAY))
    busy = {run.tags.get(_SYMBOL) for run in context.instance.get_runs(filters)}
    due = [name for name in wanted if name in known and name not in busy]
    if not due:
        return dg.SkipReason("every symbol has a run under way, or is no partition yet")
    at = context.scheduled_execution_time.isoformat()
    return [dg.RunRequest(run_key=f"{name}-{at}", partition_key=name) for name in due]
