"""When things are made: a daily schedule, and a sensor that keeps the symbols known."""

import datetime as dt

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.partitions import symbol_key, symbols
from crypto_assets.defs.resources import LakeResource
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.instrument import Instrument
from crypto_assets.pipeline.status import known_instruments

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

market_day = dg.define_asset_job(
    "market_day",
    selection=dg.AssetSelection.assets(*ASSETS),
    description="Everything of a day: hot parts, bars, sealed files, verdicts, gaps.",
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
    return day_before(context, "daily_compaction")


def day_before(
    context: dg.ScheduleEvaluationContext,
    name: str,
) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run of the UTC day before a schedule's tick over all symbols."""
    date = context.scheduled_execution_time.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    known = context.instance.get_dynamic_partitions(symbols.name or "")
    if not known:
        return dg.SkipReason("no symbol is known yet: import a recording or add one in the UI")
    return dg.RunRequest(
        run_key=f"{name}-{date}",
        tags={RANGE_START: f"{date}|{known[0]}", RANGE_END: f"{date}|{known[-1]}"},
    )


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
    wanted = {symbol_key(Instrument(found.venue, symbol)) for symbol in found.named}
    wanted |= {symbol_key(instrument) for instrument in known_instruments(lake.lake)}
    new = sorted(wanted - set(context.instance.get_dynamic_partitions(symbols.name or "")))
    if not new:
        return dg.SkipReason("every symbol is known")
    return dg.SensorResult(dynamic_partitions_requests=[symbols.build_add_request(new)])
