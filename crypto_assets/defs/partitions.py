"""The partitions: a UTC day and a symbol."""

from collections.abc import Iterable

import dagster as dg

from crypto_assets import settings
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition, parse_date

symbols = dg.DynamicPartitionsDefinition(name="symbols")
"""``BTCUSDT``, or ``venue:BTCUSDT`` away from the settings' venue.

Added in the UI, by the settings, or by an import.
"""

days = dg.DailyPartitionsDefinition(
    start_date=settings.load().first_date,
    timezone="UTC",
    end_offset=1,
)
"""Every UTC day up to and with today."""

symbol_days = dg.MultiPartitionsDefinition({"date": days, "symbol": symbols})

instruments = dg.DynamicPartitionsDefinition(name="instruments")
"""What any exchange lists, such as ``bybit:BTC/USDT:USDT``. Added in the UI or by the settings."""

instrument_days = dg.MultiPartitionsDefinition({"date": days, "instrument": instruments})


def key_of(partition: Partition) -> dg.MultiPartitionKey:
    """Write a partition as Dagster's key."""
    return dg.MultiPartitionKey(
        {"date": partition.date.isoformat(), "symbol": symbol_key(partition.instrument)},
    )


def symbol_key(instrument: Instrument) -> str:
    """Write an instrument as the key of the symbol dimension: plain where it can be."""
    if instrument.venue == settings.load().venue:
        return instrument.symbol
    return str(instrument)


def partition_of(key: str) -> Partition:
    """Read Dagster's key; a bad symbol added in the UI is an ``InvalidName``."""
    date, symbol = key.split("|", 1)
    return Partition(Instrument.parse(symbol, settings.load().venue), parse_date(date))


def partitions_of(keys: Iterable[str]) -> list[Partition]:
    """Read Dagster's keys, in order of symbol and date."""
    return sorted(partition_of(key) for key in keys)
