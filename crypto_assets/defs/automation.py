"""When things are made: a daily schedule, and a sensor that keeps the symbols known."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.metadata import of_files
from crypto_assets.defs.partitions import key_of, symbol_key, symbols
from crypto_assets.defs.resources import LakeResource
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.instrument import Instrument
from crypto_assets.pipeline import segments
from crypto_assets.pipeline.status import known_instruments

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

market_day = dg.define_asset_job(
    "market_day",
    selection=dg.AssetSelection.assets(*ASSETS),
    description="Everything of a day: hot parts, bars, sealed files, verdicts.",
)


@dg.schedule(
    name="daily_compaction",
    job=market_day,
    cron_schedule="30 1 * * *",
    execution_timezone="UTC",
    description="Seal the day before, of every symbol, in one run.",
)
def daily_compaction(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run of the day before over all symbols."""
    date = context.scheduled_execution_time.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    known = context.instance.get_dynamic_partitions(symbols.name or "")
    if not known:
        return dg.SkipReason("no symbol is known yet: import a recording or add one in the UI")
    return dg.RunRequest(
        run_key=f"daily_compaction-{date}",
        tags={RANGE_START: f"{date}|{known[0]}", RANGE_END: f"{date}|{known[-1]}"},
    )


@dg.op(description="Decode new segments once, write their parts, refresh the bars of their days.")
def take_sealed_segments(
    context: dg.OpExecutionContext,
    lake: LakeResource,
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Take every sealed segment that waits, and tell which partitions were touched."""
    venue = settings.load().venue
    paths = segments.waiting(lake.lake, venue)
    taken, unreadable = segments.take_segments(lake.lake, venue, paths)
    days = segments.touched(taken)
    context.instance.add_dynamic_partitions(
        symbols.name or "",
        sorted({symbol_key(day.instrument) for day in days}),
    )
    for asset, partitions in (
        ("raw_trades", days),
        ("raw_quotes", days),
        ("bars_1s", segments.refresh_bars(lake.lake, days)),
    ):
        for partition in partitions:
            files = lake.lake.stored(asset, partition)
            if files:
                yield dg.AssetMaterialization(
                    asset,
                    partition=key_of(partition),
                    metadata=of_files(files, ASSETS[asset].table),
                )
    if unreadable:
        raise dg.Failure(
            description="; ".join(unreadable.values()),
            allow_retries=False,
        )
    yield dg.Output(None)


@dg.job(
    name="take_segments",
    executor_def=dg.in_process_executor,
    description="Take what collectors have sealed, and refresh the bars of the days it touches.",
)
def take_segments() -> None:
    """Run the one step."""
    take_sealed_segments()


_UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


@dg.sensor(
    name="sealed_segments",
    job_name="take_segments",
    minimum_interval_seconds=15,
    description="Ask for one run when collectors have sealed segments that are not taken yet.",
)
def sealed_segments(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.RunRequest | dg.SkipReason:
    """Reconcile what is sealed with what is taken; has no memory of its own.

    While a run is under way no other is asked for; what is sealed meanwhile still waits after it.
    """
    waiting = segments.waiting(lake.lake, settings.load().venue)
    if not waiting:
        return dg.SkipReason("every sealed segment is taken")
    filters = dg.RunsFilter(job_name="take_segments", statuses=list(_UNDER_WAY))
    if context.instance.get_runs_count(filters):
        return dg.SkipReason(f"{len(waiting)} segments wait for the run under way to end")
    return dg.RunRequest(tags={"segments": str(len(waiting))})


@dg.sensor(
    name="known_symbols",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Add the symbols of the settings and of the lake to the partitions.",
)
def known_symbols(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the partitions of symbols that have none; has no memory of its own."""
    found = settings.load()
    wanted = {symbol_key(Instrument(found.venue, symbol)) for symbol in found.symbols}
    wanted |= {symbol_key(instrument) for instrument in known_instruments(lake.lake)}
    new = sorted(wanted - set(context.instance.get_dynamic_partitions(symbols.name or "")))
    if not new:
        return dg.SkipReason("every symbol is known")
    return dg.SensorResult(dynamic_partitions_requests=[symbols.build_add_request(new)])
