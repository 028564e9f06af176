"""Prices of coins in Dagster: an asset by day that grows hour by hour, its checks, a schedule."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from crypto_assets import settings
from crypto_assets.checks import price_checks
from crypto_assets.defs.checks import Event, evaluation_of, specs_of
from crypto_assets.defs.metadata import Metadata, of_files, of_table
from crypto_assets.defs.partitions import days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.doors.exchanges import now_us, prices_of
from crypto_assets.errors import Terminal
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import STORED
from crypto_assets.model.partition import Partition, parse_date
from crypto_assets.pipeline.prices import ASSET, Taken, day_of, judge, take_day, take_snapshot
from crypto_assets.sinks.price_csv import append

_KIND = STORED[ASSET]
_SHOWN = 200


@dg.asset(
    name=ASSET,
    partitions_def=days,
    group_name="reference",
    kinds={"polars", "parquet"},
    code_version=str(_KIND.table.version),
    description=f"{_KIND.says} Today is asked what coins cost now, a day that is over what they "
    "cost in the hours that have no price yet.",
    metadata=of_table(_KIND.table),
    owners=["team:market-data"],
)
def price_snapshots(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
) -> dg.MaterializeResult[None]:
    """Ask for prices and add them to the days they were made on."""
    date, found = parse_date(context.partition_key), settings.load().prices
    try:
        door = prices_of(lake.lake, found.http_url, settings.coingecko_key())
        is_over = day_of(date).end_us <= now_us()
        taken = (
            take_day(lake.lake, door, found.coins, found.currencies, date, now_us)
            if is_over
            else take_snapshot(lake.lake, door, found.coins, found.currencies, now_us)
        )
        if found.csv is not None:
            append(taken.rows, Path(found.csv))
    except Terminal as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    for one in taken.skipped:
        context.log.warning("skipped %s", one)
    # A price that was made before midnight and asked for after it is of the day before.
    for day in sorted(set(taken.days) - {day_of(date)}):
        context.log_event(
            dg.AssetMaterialization(
                ASSET,
                partition=day.date.isoformat(),
                metadata=of_files([taken.days[day]], _KIND.table),
            ),
        )
    return dg.MaterializeResult(metadata=_metadata(lake.lake, day_of(date), taken))


def _metadata(lake: Lake, day: Partition, taken: Taken) -> Metadata:
    found = of_files(lake.stored(ASSET, day), _KIND.table)
    found["given"] = dg.MetadataValue.int(taken.rows.height)
    found["newest update"] = dg.MetadataValue.text(str(taken.rows["ts_updated"].max()))
    found["skipped"] = dg.MetadataValue.int(len(taken.skipped))
    if taken.skipped:
        found["what was skipped"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"coin": one.coin, "currency": one.currency, "why": one.why})
                for one in taken.skipped[:_SHOWN]
            ],
        )
    return found


@dg.multi_asset_check(
    name=f"{ASSET}_checks",
    specs=specs_of(ASSET, days, price_checks()),
    can_subset=True,
    description="Judge a day's prices by every proposition about them.",
)
def price_snapshots_checks(
    context: dg.AssetCheckExecutionContext,
    lake: LakeResource,
) -> Iterator[Event]:
    """Judge the run's day; every day that is stored where it was started without one."""
    selected = {key.name for key in context.selected_asset_check_keys}
    op = context.op_execution_context
    asked = [parse_date(key) for key in op.partition_keys] if op.has_partition_key else []
    stored = [day.date for day in lake.lake.layout.partitions(ASSET)]
    yield from _evaluations(lake.lake, asked or stored, selected)
    for name in sorted(selected):
        yield dg.Output(None, output_name=f"{ASSET}_{name}")


def _evaluations(
    lake: Lake,
    dates: Sequence[dt.date],
    selected: set[str],
) -> Iterator[dg.AssetCheckEvaluation]:
    wanted = settings.load().prices
    for date in dates:
        for verdict in judge(lake, date, wanted.coins, wanted.currencies, now_us()):
            if verdict.check in selected:
                yield evaluation_of(verdict, date.isoformat())


price_snapshots_job = dg.define_asset_job(
    "price_snapshots_job",
    selection=dg.AssetSelection.assets(price_snapshots),
    description="Ask what the coins of the settings cost, and judge the day.",
)


@dg.schedule(
    name="hourly_prices",
    job=price_snapshots_job,
    cron_schedule="2 * * * *",
    execution_timezone="UTC",
    description="Ask every hour what the coins of the settings' [prices] cost.",
)
def hourly_prices(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run of today's partition."""
    if not settings.load().prices.coins:
        return dg.SkipReason("the settings name no coin: [prices] coins = [...]")
    at = context.scheduled_execution_time.astimezone(dt.UTC)
    return dg.RunRequest(
        run_key=f"prices-{at:%Y-%m-%dT%H}",
        partition_key=at.date().isoformat(),
    )
