"""Sealed days on their way to where others read them: BigQuery, and an object store."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.metadata import Metadata
from crypto_assets.defs.partitions import key_of, partitions_of, symbol_days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.doors.warehouses import bigquery_client, bucket_of, warehouse_of
from crypto_assets.errors import InvalidSettings, Terminal
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.loading import load_days
from crypto_assets.pipeline.sealed import Kept
from crypto_assets.pipeline.uploading import upload_days
from crypto_assets.settings import BigQuery, Settings
from crypto_assets.sinks.bigquery import Load
from crypto_assets.sinks.bigquery_jobs import translated
from crypto_assets.sinks.extras import installed
from crypto_assets.sinks.objects import Put

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

BIGQUERY, OBJECTS = "bigquery", "objects"
_AFTER = ("daily_trades", "daily_bars", "daily_quotes", "verdicts")
_BUSY = dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL)


class Sending(dg.Config):
    """What a run may ask for besides the settings."""

    unproven: bool = False
    """Whether sealed days go that are not proven complete."""


@contextlib.contextmanager
def client_of(found: BigQuery) -> Iterator["Client"]:
    """Give a client of BigQuery as dagster-gcp's resource makes it.

    That has no field for another address; such a client is made as the command line makes it.
    dagster-gcp takes seconds to import, so it is imported where something is to be loaded.

    Raises:
        NotInstalled: the extra ``gcp`` is not there.
        InvalidSettings: the environment has no credentials.
    """
    with installed("gcp"):
        from dagster_gcp import BigQueryResource
    if found.endpoint is not None:
        with contextlib.closing(bigquery_client(found)) as client:
            yield client
    else:
        resource = BigQueryResource(project=found.project, location=found.location)
        with translated("BigQuery"), resource.get_client() as client:
            yield client


with warnings.catch_warnings():
    # A backfill policy is a beta feature of this version of Dagster, which is pinned.
    warnings.simplefilter("ignore", dg.BetaWarning)

    @dg.asset(
        name=BIGQUERY,
        deps=_AFTER,
        partitions_def=symbol_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=_BUSY,
        group_name="published",
        kinds={"bigquery"},
        description="Sealed days in BigQuery: each once, its latest version.",
        owners=["team:market-data"],
    )
    def bigquery(
        context: dg.AssetExecutionContext,
        config: Sending,
        lake: LakeResource,
    ) -> dg.MaterializeResult[None]:
        """Load the run's days; fails where one may not leave the lake, after all others."""
        found, days = settings.load(), partitions_of(context.partition_keys)
        try:
            if found.bigquery is None:
                raise InvalidSettings("expected [bigquery] with a project in the settings")
            with client_of(found.bigquery) as client:
                done = load_days(
                    lake.lake,
                    warehouse_of(client, found.bigquery, found.venue),
                    found.bigquery.assets,
                    days,
                    takes_unproven=config.unproven or found.bigquery.takes_unproven,
                )
        except Terminal as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        loads = [one for one in done if isinstance(one, Load)]
        sent = {
            day: _of_loads([one for one in loads if one.sealed.partition == day])
            for day in days
            if any(one.sealed.partition == day for one in loads)
        }
        return _ended(context, BIGQUERY, days, sent, [one for one in done if isinstance(one, Kept)])

    @dg.asset(
        name=OBJECTS,
        deps=_AFTER,
        partitions_def=symbol_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=_BUSY,
        group_name="published",
        kinds={"parquet"},
        description="Sealed days and their checksums in an object store, under the lake's keys.",
        owners=["team:market-data"],
    )
    def objects(
        context: dg.AssetExecutionContext,
        config: Sending,
        lake: LakeResource,
    ) -> dg.MaterializeResult[None]:
        """Put the run's days; fails where one may not leave the lake, after all others."""
        found, days = settings.load().objects, partitions_of(context.partition_keys)
        sent: dict[Partition, Metadata] = {}
        kept: list[Kept] = []
        try:
            if found.to is None:
                raise InvalidSettings("expected [objects] with an address in the settings")
            bucket = bucket_of(found.to, found.endpoint)
            for day in days:
                done = upload_days(
                    lake.lake,
                    bucket,
                    found.assets,
                    [day],
                    takes_unproven=config.unproven or found.takes_unproven,
                )
                kept += [one for one in done if isinstance(one, Kept)]
                if puts := [one for one in done if isinstance(one, Put)]:
                    sent[day] = _of_puts(puts)
        except Terminal as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        return _ended(context, OBJECTS, days, sent, kept)


def _of_loads(loads: Sequence[Load]) -> Metadata:
    rows = sum(one.sealed.manifest.rows for one in loads)
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(rows),
        "tables": _table(
            [
                {
                    "asset": one.sealed.asset,
                    "table": one.target,
                    "version": one.sealed.manifest.version,
                    "rows": one.sealed.manifest.rows,
                    "logical hash": one.sealed.manifest.logical_hash,
                    "changed": one.changed,
                    "jobs": " ".join(one.jobs),
                }
                for one in loads
            ],
        ),
    }


def _of_puts(puts: Sequence[Put]) -> Metadata:
    return {"objects": _table([{"object": one.url, "changed": one.changed} for one in puts])}


def _table(records: Sequence[Mapping[str, str | int | bool]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(dict(one)) for one in records])


def _ended(
    context: dg.AssetExecutionContext,
    name: str,
    days: Sequence[Partition],
    sent: Mapping[Partition, Metadata],
    kept: Sequence[Kept],
) -> dg.MaterializeResult[None]:
    """Say of each day what came of it.

    Raises:
        dagster.Failure: one of them should have gone and did not; those that went are told before.
    """
    for one in kept:
        context.log.log("ERROR" if one.is_fault else "INFO", str(one))
    faults = [one for one in kept if one.is_fault]
    if not faults:
        for day, metadata in sent.items():
            context.add_asset_metadata(metadata, asset_key=name, partition_key=key_of(day))
        return dg.MaterializeResult()
    stayed = {one.partition for one in faults}
    for day in days:
        if day in sent and day not in stayed:
            context.log_event(
                dg.AssetMaterialization(name, metadata=dict(sent[day]), partition=key_of(day)),
            )
    raise dg.Failure(
        description="; ".join(str(one) for one in faults),
        allow_retries=False,
    )


def sinks_of(found: Settings) -> list[dg.AssetsDefinition]:
    """Name the assets of what the settings say days are sent to; none of them is there otherwise.

    *Materialize all* would fail of one that is not set up.
    """
    wanted = [bigquery] if found.bigquery is not None else []
    return [*wanted, *([objects] if found.objects.to is not None else [])]
