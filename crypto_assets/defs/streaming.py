"""The stream of trades into the warehouse, as Dagster sees it: a sensor, an asset, its check.

The consumer is a process of its own, ``crypto-assets consume``: it takes no run slot and goes on
when Dagster is started again.
"""

import datetime as dt

import dagster as dg
from pydantic import Field

from crypto_assets import settings
from crypto_assets.defs.ingesting import UNDER_WAY
from crypto_assets.defs.resources import LakeResource
from crypto_assets.doors.streams import broker_of
from crypto_assets.errors import Terminal
from crypto_assets.lake.streamed import letters
from crypto_assets.model.message import TABLE
from crypto_assets.model.partition import parse_date
from crypto_assets.pipeline import publish, streamed
from crypto_assets.settings import Stream

_DAYS = 2
_RANGES_SHOWN = 20
_SHOWN = 200
_ELSEWHERE = "the settings have it written to BigQuery: only a file of DuckDB is looked at here"


@dg.op(description="Publish every recorded input that was not published yet.")
def publish_what_is_sealed(context: dg.OpExecutionContext, lake: LakeResource) -> None:
    """Publish, and tell how much; what cannot be read is told and fails the run."""
    try:
        door = broker_of(settings.load().stream or Stream())
        try:
            found = publish.publish_new(lake.lake, door)
        finally:
            door.close()
    except Terminal as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    context.add_output_metadata(
        {
            "inputs": dg.MetadataValue.int(len(found)),
            "trades": dg.MetadataValue.int(sum(one.trades for one in found)),
            "repeats": dg.MetadataValue.int(sum(one.repeats for one in found)),
        },
    )
    if unreadable := [f"{one.what}: {one.why}" for one in found if one.why is not None]:
        raise dg.Failure(description="; ".join(unreadable), allow_retries=False)


@dg.job(
    name="publish_segments",
    executor_def=dg.in_process_executor,
    description="Publish to the broker what collectors have sealed and what healed it.",
    tags={"dagster/priority": "10"},
)
def publish_segments() -> None:
    """Run the one step."""
    publish_what_is_sealed()


@dg.sensor(
    name="unpublished_segments",
    job_name="publish_segments",
    minimum_interval_seconds=10,
    description="Ask for one run when there are recorded trades that were not published yet; turn "
    "it on where no process crypto-assets publish runs.",
)
def unpublished_segments(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.RunRequest | dg.SkipReason:
    """Reconcile what is recorded with what is published; has no memory of its own."""
    stream = settings.load().stream
    if stream is None:
        return dg.SkipReason("the settings name no [stream]")
    waiting = publish.unpublished(lake.lake, stream.destination)
    if not waiting:
        return dg.SkipReason("everything recorded is published")
    filters = dg.RunsFilter(job_name="publish_segments", statuses=list(UNDER_WAY))
    if context.instance.get_runs_count(filters):
        return dg.SkipReason(f"{len(waiting)} inputs wait for the run under way to end")
    return dg.RunRequest(tags={"segments": str(len(waiting))})


@dg.asset(
    name=TABLE,
    group_name="live",
    deps=["segments"],
    kinds={"duckdb"},
    description="Recorded trades as they arrive in the warehouse, each once. Made by the process "
    "crypto-assets consume; making it here looks at how far it is.",
    owners=["team:market-data"],
)
def trade_stream(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Tell how many rows there are, the newest id of each symbol, and what the lake is ahead."""
    stream = settings.load().stream or Stream()
    if stream.warehouse != "duckdb":
        return dg.MaterializeResult(
            metadata={
                "not looked at": dg.MetadataValue.text(_ELSEWHERE),
                "dead letters": dg.MetadataValue.int(len(letters(lake.lake.layout, stream.name))),
            },
        )
    found = streamed.standing(lake.lake)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": dg.MetadataValue.int(sum(one.rows for one in found)),
            "lag, trades": dg.MetadataValue.int(sum(one.lag for one in found)),
            "dead letters": dg.MetadataValue.int(len(letters(lake.lake.layout, stream.name))),
            "path": dg.MetadataValue.path(str(lake.lake.layout.trade_stream)),
            "by symbol": dg.MetadataValue.table(
                [
                    dg.TableRecord(
                        {
                            "symbol": str(one.instrument),
                            "rows": one.rows,
                            "newest id": one.newest_id,
                            "lag": one.lag,
                        },
                    )
                    for one in found[:_SHOWN]
                ],
                schema=dg.TableSchema(
                    [
                        dg.TableColumn("symbol"),
                        dg.TableColumn("rows", "int"),
                        dg.TableColumn("newest id", "int"),
                        dg.TableColumn("lag", "int"),
                    ],
                ),
            ),
        },
    )


class Days(dg.Config):
    """Which days are held against the lake."""

    dates: list[str] = Field(default_factory=list)
    """``YYYY-MM-DD``; without any, the last days that are over."""
    days: int = _DAYS


@dg.asset_check(
    asset=TABLE,
    name="stream_equals_lake",
    description="By symbol and day the stream holds the trades of the lake: no id missing, none "
    "more, and the same values.",
)
def stream_equals_lake(config: Days, lake: LakeResource) -> dg.AssetCheckResult:
    """Compare days id by id; a stream that is kept elsewhere is not proven to be equal."""
    if (settings.load().stream or Stream()).warehouse != "duckdb":
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"not compared: {_ELSEWHERE}",
        )
    today = dt.datetime.now(dt.UTC).date()
    dates = {parse_date(date) for date in config.dates} or {
        today - dt.timedelta(days=back + 1) for back in range(config.days)
    }
    partitions = streamed.expected(lake.lake, dates)
    found = {day: streamed.difference_of(lake.lake, day) for day in partitions}
    unlike = {day: one for day, one in found.items() if not one.is_none}
    metadata: dict[str, dg.MetadataValue] = {"days compared": dg.MetadataValue.int(len(found))}
    if unlike:
        metadata["unlike"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "day": str(day),
                        "missing": len(one.added),
                        "extra": len(one.removed),
                        "differing": len(one.changed),
                    },
                )
                for day, one in list(unlike.items())[:_SHOWN]
            ],
        )
        metadata["ids"] = dg.MetadataValue.json(
            {
                str(day): {
                    "missing": [list(span) for span in one.added.ranges[:_RANGES_SHOWN]],
                    "extra": [list(span) for span in one.removed.ranges[:_RANGES_SHOWN]],
                    "differing": [list(span) for span in one.changed.ranges[:_RANGES_SHOWN]],
                }
                for day, one in list(unlike.items())[:_SHOWN]
            },
        )
        day = next(iter(unlike))
        metadata["remedy"] = dg.MetadataValue.text(
            "What is missing comes with: crypto-assets publish "
            f"--symbol {day.instrument} --date {day.date}",
        )
    return dg.AssetCheckResult(
        passed=not unlike,
        description=f"{len(unlike)} of {len(found)} days differ from the lake",
        metadata=metadata,
    )


stream_standing = dg.define_asset_job(
    "stream_standing",
    selection=dg.AssetSelection.assets(trade_stream),
    description="Look how far the stream is, and hold its last days against the lake.",
)


@dg.schedule(
    name="hourly_stream_standing",
    job=stream_standing,
    cron_schedule="15 * * * *",
    execution_timezone="UTC",
    description="Look every hour how far the stream is, and whether it equals the lake.",
)
def hourly_stream_standing(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for one run."""
    return dg.RunRequest(run_key=f"stream-{context.scheduled_execution_time:%Y%m%dT%H}")
