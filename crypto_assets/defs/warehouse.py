"""The DuckDB warehouse as an asset: one file over the whole lake."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.metadata import Metadata
from crypto_assets.defs.resources import LakeResource, WarehouseSQL
from crypto_assets.errors import Terminal
from crypto_assets.model.instrument import Instrument
from crypto_assets.pipeline.warehouse import Refreshed, refresh, tables_of
from crypto_assets.sinks.warehouse import Load

_SHOWN = 100


@dg.asset(
    name="warehouse",
    deps=["daily_trades", "daily_bars", "daily_quotes", "verdicts", "gaps"],
    group_name="warehouse",
    kinds={"duckdb"},
    description="One DuckDB file that any client reads: the views and macros of SQL over the lake "
    "as it was when the file was refreshed, and a table of each symbol the settings name.",
    owners=["team:market-data"],
)
def warehouse(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    warehouse_sql: WarehouseSQL,
) -> dg.MaterializeResult[None]:
    """Bring the file up to date; fails, after everything else, where a sealed file is damaged."""
    found = settings.load()
    tables = tables_of(
        (Instrument.parse(symbol, found.venue) for symbol in found.warehouse.tables),
        found.venue,
    )
    try:
        done = refresh(lake.lake, warehouse_sql.file, tables, found.venue, dt.datetime.now(dt.UTC))
    except Terminal as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    metadata = _metadata(done, warehouse_sql)
    if done.failed:
        raise dg.Failure(
            description="; ".join(f"{day}: {why}" for day, why in done.failed.items()),
            metadata=metadata,
            allow_retries=False,
        )
    context.log.info("%s is %s", done.path, "refreshed" if done.changed else "unchanged")
    return dg.MaterializeResult(metadata=metadata)


def _metadata(done: Refreshed, sql: WarehouseSQL) -> Metadata:
    """Say what the file holds, read from it as its readers do, and what came of this refresh."""
    with sql.get_connection() as connection:
        conditions = connection.execute(
            "SELECT condition, count(*) FROM completeness GROUP BY ALL ORDER BY ALL",
        ).fetchall()
    found: Metadata = {
        "path": dg.MetadataValue.path(str(done.path)),
        "bytes": dg.MetadataValue.int(done.path.stat().st_size),
        "outcome": dg.MetadataValue.text("refreshed" if done.changed else "unchanged"),
        "views": dg.MetadataValue.json(list(done.views)),
        "rows by table": dg.MetadataValue.json(done.rows),
        "days by condition": dg.MetadataValue.json(dict(conditions)),
        "days loaded": dg.MetadataValue.int(len(done.loaded)),
        "days unchanged": dg.MetadataValue.int(done.unchanged),
    }
    for title, loads in (
        ("loaded", done.loaded),
        ("degraded since they were loaded", done.degraded),
        ("no longer sealed", done.unsealed),
    ):
        if loads:
            found[title] = _table(loads)
    return found


def _table(loads: Sequence[Load]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "table": one.table,
                    "date": one.date.isoformat(),
                    "version": one.version,
                    "rows": one.rows,
                    "logical hash": one.logical_hash,
                },
            )
            for one in loads[-_SHOWN:]
        ],
    )


warehouse_refresh = dg.define_asset_job(
    "warehouse_refresh",
    selection=dg.AssetSelection.assets(warehouse),
    description="Bring the DuckDB file over the lake up to date.",
)


@dg.schedule(
    name="daily_warehouse",
    job=warehouse_refresh,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    description="Refresh the DuckDB file every day, after daily_compaction has sealed the day "
    "before.",
)
def daily_warehouse(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for one run."""
    date = context.scheduled_execution_time.astimezone(dt.UTC).date().isoformat()
    return dg.RunRequest(run_key=f"warehouse-{date}")
