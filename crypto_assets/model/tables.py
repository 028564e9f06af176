"""Every table of the lake, each declared once as a Pandera model.

The polars schema, Dagster's column schema, the Parquet file and the schema check all derive
from these models: :func:`polars_schema` and :data:`TABLES` are the way in.

Prices are ``Decimal(18, 8)``, quantities and volumes ``Decimal(28, 8)``, times microseconds UTC.
The bars of any exchange are ``Decimal(38, 18)`` throughout: some price a coin at 0.000000000012 and
count trillions of it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import pandera.polars as pa
import polars as pl

from crypto_assets.model.gap import Cause, GapState

PRICE = pl.Decimal(18, 8)
QUANTITY = pl.Decimal(28, 8)
FETCHED = pl.Decimal(38, 18)
AVERAGE = pl.Decimal(38, 12)
TIME = pl.Datetime("us", "UTC")

Price = Annotated[pl.Decimal, 18, 8]
Quantity = Annotated[pl.Decimal, 28, 8]
Fetched = Annotated[pl.Decimal, 38, 18]
Average = Annotated[pl.Decimal, 38, 12]
Time = Annotated[pl.Datetime, "us", "UTC"]


class Trades(pa.DataFrameModel):
    """One row a match, each once, ascending by trade id (and match id where those are equal)."""

    trade_id: pl.Int64 = pa.Field(
        ge=0,
        description="The venue's number of the match; where it numbers none, milliseconds of "
        "ts_event << 22 | the first 22 bits of match_id.",
    )
    ts_event: Time = pa.Field(description="When the venue matched it.")
    price: Price = pa.Field(gt=0, description="Quote units per base unit.")
    quantity: Quantity = pa.Field(gt=0, description="Base units.")
    is_buyer_maker: pl.Boolean = pa.Field(description="True when the taker sold.")
    ts_recv: Time = pa.Field(
        nullable=True,
        description="When our socket first saw it; null where it came from an archive.",
    )
    quoted_value: Quantity = pa.Field(
        nullable=True,
        description="The archive's own quote quantity, kept only where it is not price x quantity.",
    )
    match_id: pl.String = pa.Field(
        nullable=True,
        description="The venue's own name of the match, where it is not a number of a sequence.",
    )

    class Config:
        unique = ("trade_id", "match_id")
        strict = True
        ordered = True


class AggTrades(pa.DataFrameModel):
    """One row a taker's order at one price, as the exchange aggregates trades; ascending by id."""

    agg_id: pl.Int64 = pa.Field(ge=0, unique=True, description="The venue's id of the aggregate.")
    ts_event: Time = pa.Field(description="When the venue matched the first of its trades.")
    price: Price = pa.Field(gt=0, description="The one price of its trades.")
    quantity: Quantity = pa.Field(gt=0, description="Base units, the sum over its trades.")
    first_trade_id: pl.Int64 = pa.Field(ge=0, description="Its first trade's id.")
    last_trade_id: pl.Int64 = pa.Field(ge=0, description="Its last trade's, itself in it.")
    is_buyer_maker: pl.Boolean = pa.Field(description="True when the taker sold.")

    class Config:
        strict = True
        ordered = True


class Quotes(pa.DataFrameModel):
    """One row a change of the best bid or ask, each update id once, ascending."""

    update_id: pl.Int64 = pa.Field(ge=0, unique=True, description="The venue's order book id.")
    ts_as_of: Time = pa.Field(
        description="Event time where the venue sends one, else receive time less the "
        "recording's clock offset.",
    )
    ts_recv: Time = pa.Field(nullable=True, description="When our socket saw it.")
    bid: Price = pa.Field(ge=0, description="Best bid price.")
    bid_quantity: Quantity = pa.Field(ge=0, description="Base units at the best bid.")
    ask: Price = pa.Field(ge=0, description="Best ask price.")
    ask_quantity: Quantity = pa.Field(ge=0, description="Base units at the best ask.")

    class Config:
        strict = True
        ordered = True


class Bars(pa.DataFrameModel):
    """One row an interval, ``[ts_open, ts_open + interval)``, every interval of the day present."""

    ts_open: Time = pa.Field(unique=True, description="When the bar opens; its key.")
    open: Price = pa.Field(nullable=True, gt=0, description="Price of the lowest trade id.")
    high: Price = pa.Field(nullable=True, gt=0, description="Highest price.")
    low: Price = pa.Field(nullable=True, gt=0, description="Lowest price.")
    close: Price = pa.Field(
        nullable=True,
        gt=0,
        description="Price of the highest trade id; without a trade, the last close before.",
    )
    volume: Quantity = pa.Field(ge=0, description="Base units traded.")
    quote_volume: Quantity = pa.Field(ge=0, description="Sum of price x quantity, 8 decimals each.")
    trade_count: pl.Int64 = pa.Field(ge=0, description="Trades in the interval.")
    taker_buy_volume: Quantity = pa.Field(ge=0, description="Base units bought by takers.")
    taker_buy_quote_volume: Quantity = pa.Field(ge=0, description="Quote units paid by takers.")
    vwap: Price = pa.Field(
        nullable=True,
        ge=0,
        description="quote_volume / volume, rounded to 8 decimals; null without a trade.",
    )
    first_trade_id: pl.Int64 = pa.Field(nullable=True, description="Lowest id; null without one.")
    last_trade_id: pl.Int64 = pa.Field(nullable=True, description="Highest id; null without one.")
    is_complete: pl.Boolean = pa.Field(
        description="False where missing ids may belong to the interval: a bar of 0 trades is a "
        "quiet market when true, and no data when false.",
    )
    bid: Price = pa.Field(nullable=True, ge=0, description="Best bid as the interval ends.")
    bid_quantity: Quantity = pa.Field(nullable=True, ge=0, description="Its quantity.")
    ask: Price = pa.Field(nullable=True, ge=0, description="Best ask as the interval ends.")
    ask_quantity: Quantity = pa.Field(nullable=True, ge=0, description="Its quantity.")
    spread: Price = pa.Field(nullable=True, description="ask - bid.")

    class Config:
        strict = True
        ordered = True


class Klines(pa.DataFrameModel):
    """The exchange's own bars, as published."""

    interval: pl.String = pa.Field(description="The bar's length, such as 1m.")
    ts_open: Time = pa.Field(description="When the bar opens.")
    open: Price = pa.Field(gt=0)
    high: Price = pa.Field(gt=0)
    low: Price = pa.Field(gt=0)
    close: Price = pa.Field(gt=0)
    volume: Quantity = pa.Field(ge=0)
    quote_volume: Quantity = pa.Field(ge=0)
    trade_count: pl.Int64 = pa.Field(ge=0, nullable=True, description="Null where not published.")
    taker_buy_volume: Quantity = pa.Field(
        ge=0,
        nullable=True,
        description="Null where not published.",
    )
    taker_buy_quote_volume: Quantity = pa.Field(
        ge=0,
        nullable=True,
        description="Null where not published.",
    )

    class Config:
        strict = True
        ordered = True


class Ohlcv(pa.DataFrameModel):
    """Finished bars of any exchange, as it gives them; what it leaves out is left out."""

    interval: pl.String = pa.Field(description="The bar's length, such as 1m.")
    ts_open: Time = pa.Field(description="When the bar opens.")
    open: Fetched = pa.Field(gt=0, description="Quote units per base unit.")
    high: Fetched = pa.Field(gt=0)
    low: Fetched = pa.Field(gt=0)
    close: Fetched = pa.Field(gt=0)
    volume: Fetched = pa.Field(
        ge=0,
        description="As the exchange counts it: base units, of some derivatives contracts.",
    )

    class Config:
        strict = True
        ordered = True


class Indicators(pa.DataFrameModel):
    """One row a bar of an interval, known when the bar ends; null where trades may be missing.

    Averages and rolling volatilities are of the last 20, 50 and 200 bars of the interval, the
    row's own with them.
    """

    interval: pl.String = pa.Field(description="The bar's length, such as 1m.")
    ts_open: Time = pa.Field(description="When the bar opens.")
    close: Price = pa.Field(nullable=True, gt=0, description="Its close; null if not complete.")
    vwap_so_far: Price = pa.Field(
        nullable=True,
        ge=0,
        description="Quote volume / volume from midnight to the bar's end, rounded to 8 decimals.",
    )
    sma_20: Average = pa.Field(nullable=True, gt=0, description="Simple average of closes, exact.")
    sma_50: Average = pa.Field(nullable=True, gt=0)
    sma_200: Average = pa.Field(nullable=True, gt=0)
    ema_20: pl.Float64 = pa.Field(
        nullable=True,
        gt=0,
        description="Exponential average of closes, alpha = 2 / 21; begins with the simple one.",
    )
    ema_50: pl.Float64 = pa.Field(nullable=True, gt=0)
    ema_200: pl.Float64 = pa.Field(nullable=True, gt=0)
    log_return: pl.Float64 = pa.Field(nullable=True, description="ln(close / close before).")
    rv_1s: pl.Float64 = pa.Field(
        nullable=True,
        ge=0,
        description="Realized volatility of the bar: root of the sum of its squared 1 s returns.",
    )
    rv_1m: pl.Float64 = pa.Field(
        nullable=True,
        ge=0,
        description="The same of its 1 m returns.",
    )
    volatility_20: pl.Float64 = pa.Field(
        nullable=True,
        ge=0,
        description="Realized volatility of the last 20 log returns, a year of 365 x 86,400 s.",
    )
    volatility_50: pl.Float64 = pa.Field(nullable=True, ge=0)
    volatility_200: pl.Float64 = pa.Field(nullable=True, ge=0)
    parkinson: pl.Float64 = pa.Field(
        nullable=True,
        ge=0,
        description="Volatility of the bar by its high and low (Parkinson 1980).",
    )
    garman_klass: pl.Float64 = pa.Field(
        nullable=True,
        ge=0,
        description="Volatility of the bar by its four prices (Garman, Klass 1980).",
    )

    class Config:
        strict = True
        ordered = True


class VolumeProfile(pa.DataFrameModel):
    """One row a range of prices in which something was traded on the day, ascending."""

    price_from: Price = pa.Field(unique=True, ge=0, description="The lowest price of the bin.")
    price_to: Price = pa.Field(gt=0, description="Where the next bin begins.")
    volume: Quantity = pa.Field(ge=0, description="Base units traded.")
    taker_buy_volume: Quantity = pa.Field(ge=0, description="Base units bought by takers.")
    trade_count: pl.Int64 = pa.Field(gt=0, description="Trades.")
    is_point_of_control: pl.Boolean = pa.Field(description="The bin of the largest volume.")
    is_value_area: pl.Boolean = pa.Field(
        description="One of the bins around it that hold 70 % of the volume.",
    )

    class Config:
        strict = True
        ordered = True


class Verdicts(pa.DataFrameModel):
    """One row a check of a partition, with the partition's condition on every row."""

    asset: pl.String = pa.Field(description="What was judged.")
    check: pl.String = pa.Field(description="The proposition, as its module is named.")
    code: pl.String = pa.Field(description="Its short code, such as T2.")
    severity: pl.String = pa.Field(isin=["ERROR", "WARN", "INFO"])
    passed: pl.Boolean = pa.Field()
    message: pl.String = pa.Field(description="What was found, for people.")
    evidence: pl.String = pa.Field(description="What was found, as JSON.")
    condition: pl.String = pa.Field(description="The partition's condition.")

    class Config:
        strict = True
        ordered = True


class Gaps(pa.DataFrameModel):
    """One row a range of trade ids that was ever found missing of a day; open ones still are."""

    first_trade_id: pl.Int64 = pa.Field(ge=0, description="The first id of the range.")
    last_trade_id: pl.Int64 = pa.Field(ge=0, description="The last, itself in the range.")
    count: pl.Int64 = pa.Field(gt=0, description="How many ids.")
    state: pl.String = pa.Field(
        isin=list(GapState),
        description="open: missing; healed: here by now; unhealable: missing, and the exchange "
        "gives what lies around them without them.",
    )
    cause: pl.String = pa.Field(isin=list(Cause), description="Why, as the recordings tell.")
    ts_before: Time = pa.Field(description="Event time of the trade before, or the day's start.")
    ts_after: Time = pa.Field(description="Event time of the trade after, or the day's end.")
    ts_found: Time = pa.Field(description="When the ids were first found missing.")
    ts_tried: Time = pa.Field(nullable=True, description="When they were last asked for.")
    ts_closed: Time = pa.Field(nullable=True, description="When they were here, or denied.")
    tries: pl.Int64 = pa.Field(ge=0, description="How often they were asked for.")
    source: pl.String = pa.Field(nullable=True, description="Where they came from in the end.")
    evidence: pl.String = pa.Field(description="What the cause and the tries rest on, as JSON.")

    class Config:
        strict = True
        ordered = True


class Revisions(pa.DataFrameModel):
    """One row a file that its exchange published again after it had been taken, as of one day."""

    input: pl.String = pa.Field(description="The file's name.")
    ts_found: Time = pa.Field(description="When the new version was taken.")
    old_sha256: pl.String = pa.Field(description="Of the bytes taken before.")
    new_sha256: pl.String = pa.Field(description="Of the bytes that took their place.")
    added: pl.Int64 = pa.Field(ge=0, description="Trades only the new version has.")
    removed: pl.Int64 = pa.Field(ge=0, description="Trades only the old version had.")
    changed: pl.Int64 = pa.Field(ge=0, description="Trades that differ between the two.")
    evidence: pl.String = pa.Field(description="Their ids as ranges, as JSON.")

    class Config:
        strict = True
        ordered = True


class Listings(pa.DataFrameModel):
    """One row a symbol the venue lists, as it described it on one day."""

    symbol: pl.String = pa.Field(unique=True, description="The symbol, such as BTCUSDT.")
    status: pl.String = pa.Field(description="Its state, such as TRADING, HALT or BREAK.")
    base: pl.String = pa.Field(nullable=True, description="What is bought and sold.")
    quote: pl.String = pa.Field(nullable=True, description="What it is paid with.")
    tick_size: Price = pa.Field(nullable=True, gt=0, description="Prices are multiples of it.")
    step_size: Quantity = pa.Field(
        nullable=True,
        gt=0,
        description="Quantities are multiples of it.",
    )
    min_notional: Quantity = pa.Field(
        nullable=True,
        gt=0,
        description="The least quote units an order may be worth; null where no filter says.",
    )

    class Config:
        strict = True
        ordered = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    ``hashed`` are the columns the logical hash covers: what the exchange said. When we received
    a row is not part of it, so the same day has the same hash whatever way it came.
    """

    name: str
    model: type[pa.DataFrameModel]
    key: tuple[str, ...]
    hashed: tuple[str, ...]
    id: str | None = None
    """The venue's integer id, where the table has one; rows ascend by it."""
    time: str | None = None
    """The event time; tables without an id ascend by it within a file."""
    version: int = 1
    optional: tuple[str, ...] = ()
    """Columns that not every venue fills; one without any value is not part of the hash."""

    @property
    def schema(self) -> pl.Schema:
        """The polars schema, derived from the model."""
        return polars_schema(self.model)


@functools.cache
def polars_schema(model: type[pa.DataFrameModel]) -> pl.Schema:
    """Derive the polars schema of a Pandera model, columns in declared order."""
    columns = model.to_schema().columns
    return pl.Schema({name: column.dtype.type for name, column in columns.items()})


def _table(
    name: str,
    model: type[pa.DataFrameModel],
    key: tuple[str, ...],
    unhashed: tuple[str, ...] = (),
    id: str | None = None,  # noqa: A002 - the field it fills
    time: str | None = None,
    version: int = 1,
    optional: tuple[str, ...] = (),
) -> Table:
    hashed = tuple(column for column in polars_schema(model) if column not in unhashed)
    return Table(name, model, key, hashed, id, time, version, optional)


TRADES = _table(
    "trades",
    Trades,
    ("trade_id", "match_id"),
    unhashed=("ts_recv", "quoted_value"),
    id="trade_id",
    time="ts_event",
    version=2,
    optional=("match_id",),
)
AGG_TRADES = _table("agg_trades", AggTrades, ("agg_id",), id="agg_id", time="ts_event")
QUOTES = _table(
    "quotes",
    Quotes,
    ("update_id",),
    unhashed=("ts_recv",),
    id="update_id",
    time="ts_as_of",
)
BARS = _table("bars", Bars, ("ts_open",), time="ts_open")
KLINES = _table(
    "klines",
    Klines,
    ("interval", "ts_open"),
    time="ts_open",
    version=2,
    optional=("trade_count", "taker_buy_volume", "taker_buy_quote_volume"),
)
OHLCV = _table("ohlcv", Ohlcv, ("interval", "ts_open"), time="ts_open")
INDICATORS = _table("indicators", Indicators, ("interval", "ts_open"))
VOLUME_PROFILE = _table("volume_profile", VolumeProfile, ("price_from",))
VERDICTS = _table("verdicts", Verdicts, ("asset", "check"))
GAPS = _table("gaps", Gaps, ("first_trade_id", "ts_found"))
REVISIONS = _table("revisions", Revisions, ("input", "new_sha256"))
LISTINGS = _table("listings", Listings, ("symbol",))

TABLES = {
    table.name: table
    for table in (
        TRADES,
        AGG_TRADES,
        QUOTES,
        BARS,
        KLINES,
        OHLCV,
        INDICATORS,
        VOLUME_PROFILE,
        VERDICTS,
        GAPS,
        REVISIONS,
        LISTINGS,
    )
}


def validate(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Hold a frame against its table's model, data checks included.

    Raises:
        pandera.errors.SchemaErrors: with every failure case.
    """
    return table.model.validate(frame, lazy=True)
