"""Bars of any exchange, as Dagster sees them: an asset by day and instrument, checks, a sensor."""

import datetime as dt
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.checks import Event, judge_beside, specs_of
from crypto_assets.defs.metadata import of_table
from crypto_assets.defs.partitions import instrument_days, instruments
from crypto_assets.defs.resources import LakeResource
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.assets import STORED
from crypto_assets.model.listing import Listing, listings
from crypto_assets.model.partition import Partition, parse_date
from crypto_assets.pipeline.ohlcv import ASSET, fetch, judge, known_listings, wanted
from crypto_assets.sources.ohlcv import Bars

_KIND = STORED[ASSET]


class Fetching(dg.Config):
    """What a run may ask for besides the settings."""

    intervals: list[str] | None = None
    """Other intervals than the settings'."""
    again: bool = False
    """Whether days that are whole already are fetched anew."""


@dataclass(slots=True)
class Fetched:
    """The days of one run, fetched side by side when the IO manager comes to them.

    A day of which one interval cannot be fetched fails; its others are stored.
    """

    lake: Lake
    days: Sequence[tuple[Listing, dt.date]]
    intervals: Sequence[str]
    again: bool
    asset: str = ASSET
    failed: dict[Partition, CryptoAssetsError] = field(default_factory=dict)

    @property
    def partitions(self) -> list[Partition]:
        """Where the days lie."""
        return [Partition(listing.instrument, date) for listing, date in self.days]

    def store(self) -> Iterator[tuple[Partition, list[Committed]]]:
        """Fetch and store every day; give those of which every interval worked."""
        found = settings.load().ohlcv
        listings(str(listing) for listing, _ in self.days)
        outcomes = fetch(
            self.lake,
            [
                one
                for listing, date in self.days
                for one in wanted([listing], [date], self.intervals)
            ],
            partial(Bars, urls=found.urls),
            at_once=found.at_once,
            again=self.again,
        )
        stored: dict[Partition, list[Committed]] = {}
        for one, outcome in outcomes.items():
            if isinstance(outcome, Committed):
                stored.setdefault(one.partition, []).append(outcome)
            else:
                self.failed.setdefault(one.partition, outcome)
        for partition, files in stored.items():
            if partition not in self.failed:
                yield partition, files

    def key(self, partition: Partition) -> str:
        """Write a partition as Dagster's key."""
        found = {
            Partition(listing.instrument, date): (listing, date) for listing, date in self.days
        }
        return key_of(*found[partition])

    @property
    def notes(self) -> tuple[str, ...]:
        """Tell nothing else: a day is fetched or has failed."""
        return ()

    @property
    def is_fault(self) -> bool:
        """Whether a day failed: who names a day and an instrument wants its bars."""
        return bool(self.failed)


def key_of(listing: Listing, date: dt.date) -> dg.MultiPartitionKey:
    """Write a day of a listing as Dagster's key."""
    return dg.MultiPartitionKey({"date": date.isoformat(), "instrument": str(listing)})


def days_of(keys: Sequence[str]) -> list[tuple[Listing, dt.date]]:
    """Read Dagster's keys; a bad instrument added in the UI is an ``InvalidName``."""
    split = [key.split("|", 1) for key in keys]
    return sorted((Listing.parse(text), parse_date(date)) for date, text in split)


with warnings.catch_warnings():
    # A backfill policy is a beta feature of this version of Dagster, which is pinned.
    warnings.simplefilter("ignore", dg.BetaWarning)

    @dg.asset(
        name=ASSET,
        partitions_def=instrument_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="lake_io",
        group_name="reference",
        kinds={"polars", "parquet"},
        code_version=str(_KIND.table.version),
        description=_KIND.says,
        metadata=of_table(_KIND.table),
        owners=["team:market-data"],
    )
    def ohlcv(
        context: dg.AssetExecutionContext,
        config: Fetching,
        lake: LakeResource,
    ) -> Iterator[dg.Output[Fetched]]:
        """Fetch the run's days and instruments; fails where one could not be, after all others."""
        batch = Fetched(
            lake.lake,
            days_of(context.partition_keys),
            config.intervals or settings.load().ohlcv.intervals,
            config.again,
        )
        yield dg.Output(batch)
        if batch.failed:
            raise dg.Failure(
                description="; ".join(str(error) for error in batch.failed.values()),
                allow_retries=False,
            )


@dg.multi_asset_check(
    name=f"{ASSET}_checks",
    specs=specs_of(ASSET, instrument_days),
    can_subset=True,
    description=f"Judge {ASSET} by every proposition about it.",
)
def ohlcv_checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[Event]:
    """Judge the run's days, or where it was started without one every stored day together."""
    yield from judge_beside(
        context,
        lake.lake,
        ASSET,
        partial(judge, lake.lake),
        lambda keys: [
            (Partition(listing.instrument, date), key_of(listing, date))
            for listing, date in days_of(keys)
        ],
    )


@dg.sensor(
    name="known_instruments",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Add the instruments of the settings and of the lake to the partitions of ohlcv.",
)
def known_instruments(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the partitions of instruments that have none; has no memory of its own."""
    wanted_ones = {*listings(settings.load().ohlcv.instruments), *known_listings(lake.lake)}
    known = set(context.instance.get_dynamic_partitions(instruments.name or ""))
    new = sorted({str(listing) for listing in wanted_ones} - known)
    if not new:
        return dg.SkipReason("every instrument is known")
    return dg.SensorResult(dynamic_partitions_requests=[instruments.build_add_request(new)])
