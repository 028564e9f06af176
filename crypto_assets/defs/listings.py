"""What the exchange lists: its own description of its symbols, one a day, as an asset."""

import datetime as dt
from collections.abc import Iterator, Sequence

import dagster as dg

from crypto_assets import settings
from crypto_assets.checks import listing_checks
from crypto_assets.defs.checks import Event, evaluation_of, specs_of
from crypto_assets.defs.metadata import Metadata, of_table
from crypto_assets.defs.partitions import days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.doors.exchanges import history_of
from crypto_assets.errors import Terminal
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import parse_date
from crypto_assets.model.tables import LISTINGS
from crypto_assets.pipeline.exchange_info import dates
from crypto_assets.pipeline.symbols import (
    ASSET,
    Change,
    changes_of,
    judge_listings,
    listed_of,
    make_listings,
)

VENUE = "binance"
"""The only venue whose description of itself is read."""
_TRADING = "TRADING"
_SHOWN = 200


@dg.asset(
    name=ASSET,
    partitions_def=days,
    group_name="reference",
    kinds={"polars", "parquet"},
    code_version=str(LISTINGS.version),
    description="Every symbol the exchange lists, with its state, tick and step size, by day. "
    "Only today can be asked for; of a day that is over there is what was asked for then, or an "
    "exchangeInfo answer of that day that was imported.",
    metadata=of_table(LISTINGS),
    owners=["team:market-data"],
)
def exchange_info(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
) -> dg.MaterializeResult[None]:
    """Ask for today's answer, or take the one that is kept, and make a table of it."""
    date = parse_date(context.partition_key)
    door = history_of(lake.lake, settings.load().healing.http_url)
    try:
        make_listings(lake.lake, VENUE, date, door)
    except Terminal as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    return dg.MaterializeResult(metadata=_metadata(lake.lake, date))


def _metadata(lake: Lake, date: dt.date) -> Metadata:
    """Count the symbols, and show what is different since the last day before that is known."""
    listed = listed_of(lake, VENUE, date)
    assert listed is not None  # noqa: S101 - the table was just made of it
    states = [one.status for one in listed.info.symbols.values()]
    found: Metadata = {
        "dagster/partition_row_count": dg.MetadataValue.int(len(states)),
        "symbols": dg.MetadataValue.int(len(states)),
        "trading": dg.MetadataValue.int(states.count(_TRADING)),
        "path": dg.MetadataValue.path(str(lake.layout.listings(VENUE, date))),
    }
    changes = changes_of(listed)
    if listed.before is not None:
        found["compared with"] = dg.MetadataValue.text(listed.before.date.isoformat())
        for what in ("new", "gone"):
            found[what] = dg.MetadataValue.int(sum(one.what == what for one in changes))
    if changes:
        found["changes"] = _table(changes)
    return found


def _table(changes: Sequence[Change]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "symbol": one.symbol,
                    "what": one.what,
                    "before": one.before,
                    "after": one.after,
                },
            )
            for one in changes[:_SHOWN]
        ],
    )


@dg.multi_asset_check(
    name=f"{ASSET}_checks",
    specs=specs_of(ASSET, days, listing_checks()),
    can_subset=True,
    description="Judge what the exchange lists by every proposition about it.",
)
def exchange_info_checks(
    context: dg.AssetCheckExecutionContext,
    lake: LakeResource,
) -> Iterator[Event]:
    """Judge the run's day; every day that is kept where it was started without one."""
    selected = {key.name for key in context.selected_asset_check_keys}
    op = context.op_execution_context
    asked = [parse_date(key) for key in op.partition_keys] if op.has_partition_key else []
    for date in asked or dates(lake.lake, VENUE):
        yield from _evaluations(lake.lake, date, selected)
    for name in sorted(selected):
        yield dg.Output(None, output_name=f"{ASSET}_{name}")


def _evaluations(
    lake: Lake,
    date: dt.date,
    selected: set[str],
) -> Iterator[dg.AssetCheckEvaluation]:
    found = settings.load()
    listed = listed_of(lake, VENUE, date, found.named if found.venue == VENUE else ())
    for verdict in judge_listings(listed) if listed is not None else ():
        if verdict.check in selected:
            yield evaluation_of(verdict, date.isoformat())


exchange_info_day = dg.define_asset_job(
    "exchange_info_day",
    selection=dg.AssetSelection.assets(exchange_info),
    description="Keep what the exchange says today of its symbols, and judge it.",
)


@dg.schedule(
    name="daily_exchange_info",
    job=exchange_info_day,
    cron_schedule="5 0 * * *",
    execution_timezone="UTC",
    description="Ask every day what the exchange lists: no day can be asked for once it is over.",
)
def daily_exchange_info(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for one run of the day that has just begun."""
    date = context.scheduled_execution_time.astimezone(dt.UTC).date().isoformat()
    return dg.RunRequest(run_key=f"exchange_info-{date}", partition_key=date)
