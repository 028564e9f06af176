"""BigQuery's columns of the lake's tables, derived from the same Pandera models; no client needed.

A decimal becomes the NUMERIC of its precision and scale where BigQuery has one (scale up to 9, up
to 29 digits before the point), else the BIGNUMERIC (up to 38 and 38): what is stored is what was
declared, and never a float.
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from crypto_assets.errors import SchemaMismatch
from crypto_assets.model.assets import STORED
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.tables import Table

PARTITIONED_BY = "date"
CLUSTERED_BY = ("venue", "symbol")
_NUMERIC_SCALE, _NUMERIC_WHOLE, _BIGNUMERIC = 9, 29, 38
_TYPES: dict[type[pl.DataType], str] = {
    pl.Int64: "INT64",
    pl.String: "STRING",
    pl.Boolean: "BOOL",
    pl.Date: "DATE",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a BigQuery table."""

    name: str
    type: str
    """As GoogleSQL writes it, without precision: NUMERIC, TIMESTAMP, ..."""
    is_nullable: bool = False
    description: str = ""
    precision: int | None = None
    scale: int | None = None


PARTITION = (
    Column("venue", "STRING", description="The exchange."),
    Column("symbol", "STRING", description="The symbol, such as BTCUSDT."),
    Column("date", "DATE", description="The UTC day, as the lake has it."),
)
"""What a file's path says, and its rows in BigQuery have to."""

LEDGER = "_loads"
LEDGER_KEY = ("target", "venue", "symbol", "date")
LEDGER_COLUMNS = (
    Column("target", "STRING", description="The table that was loaded."),
    *PARTITION,
    Column("asset", "STRING", description="The asset of the lake it comes from."),
    Column("logical_hash", "STRING", description="Of the values that are in the table now."),
    Column("sha256", "STRING", description="Of the file they came in."),
    Column("version", "INT64", description="Which sealing of the day it is."),
    Column("row_count", "INT64", description="Rows of the file."),
    Column("condition", "STRING", description="The day's, when it was loaded."),
    Column("generation", "INT64", description="How often this day was loaded."),
    Column("ts_loaded", "TIMESTAMP", description="When."),
)
"""One row a table and day: what is in it. It changes in the same transaction as the day does."""


def columns_of(table: Table) -> tuple[Column, ...]:
    """Derive the columns of a table as its file has them: without the partition's."""
    declared = table.model.to_schema().columns
    return tuple(
        column_of(name, dtype, declared[name].description or "", declared[name].nullable)
        for name, dtype in table.schema.items()
    )


def column_of(
    name: str,
    dtype: pl.DataType,
    description: str = "",
    is_nullable: bool = False,  # noqa: FBT001, FBT002 - a column's own word
) -> Column:
    """Derive one column.

    Raises:
        SchemaMismatch: BigQuery has no type that holds every value of it exactly.
    """
    if isinstance(dtype, pl.Decimal):
        precision, scale = dtype.precision, dtype.scale
        whole = precision - scale
        if scale <= _NUMERIC_SCALE and whole <= _NUMERIC_WHOLE:
            kind = "NUMERIC"
        elif scale <= _BIGNUMERIC and whole <= _BIGNUMERIC:
            kind = "BIGNUMERIC"
        else:
            raise SchemaMismatch(f"{name}: BigQuery has no type of {dtype}")
        return Column(name, kind, is_nullable, description, precision, scale)
    if isinstance(dtype, pl.Datetime) and (dtype.time_unit, dtype.time_zone) == ("us", "UTC"):
        return Column(name, "TIMESTAMP", is_nullable, description)
    kind = _TYPES.get(type(dtype), "")
    if not kind:
        raise SchemaMismatch(f"{name}: BigQuery has no exact type of {dtype}")
    return Column(name, kind, is_nullable, description)


_NAMES = {"daily_trades": "trades", "daily_bars": "bars_1s", "daily_quotes": "quotes"}


def target_of(asset: str, instrument: Instrument, *, per_symbol: bool, home: str) -> str:
    """Name the table an asset's days are loaded into.

    One for every symbol, or one a symbol: ``trades_btcusdt``, and ``trades_bybit_btcusdt`` of a
    venue that is not ``home``, the settings' one. No symbol has a ``_``, so no two share a name.
    """
    name = _NAMES[asset]
    if not per_symbol:
        return name
    venue = "" if instrument.venue == home else f"{instrument.venue}_"
    return f"{name}_{venue}{instrument.symbol.lower()}"


def table_of(asset: str) -> Table:
    """The lake's table of an asset that can be loaded."""
    return STORED[asset].table
