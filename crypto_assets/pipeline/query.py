"""SQL over the lake: what each view reads, so that nothing is counted twice."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import polars as pl

from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import STORED
from crypto_assets.model.interval import Interval
from crypto_assets.model.message import TABLE
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import FETCHED, PRICE, TRADES
from crypto_assets.pipeline import completeness
from crypto_assets.pipeline.symbols import views_of_listings
from crypto_assets.pipeline.views import VIEWS, every_day
from crypto_assets.sinks import duckdb
from crypto_assets.sinks.duckdb import HIVE, View
from crypto_assets.transforms.over_days import columns_over_days, over_days
from crypto_assets.transforms.rollup import roll_up

FORMATS = ("table", "csv", "json", "parquet")


def views_of(lake: Lake) -> dict[str, View]:
    """Find what every view reads, as the lake lies now.

    Each of :data:`VIEWS` reads a partition's sealed file where it has one and its hot files
    elsewhere; where hot parts overlap each id comes once.
    ``bars_1m`` and every longer interval are rolled up from ``bars_1s``; ``indicators_1d`` is
    computed over the stored days of ``indicators``, ``price_indicators_1d`` over those of
    ``price_snapshots``; ``listings`` and ``symbol_history`` are what the exchange said of its
    symbols; ``completeness`` is what is known of days, found out only of those that are asked for.
    """
    views = {name: _view(lake, name) for name in VIEWS}
    seconds = views["bars_1s"]
    for interval in Interval:
        if interval is not Interval.SECOND:
            views[f"bars_{interval}"] = _rolled(seconds, interval)
    known = pl.Schema(
        {name: of for name, of in completeness.COMPLETENESS.items() if name not in HIVE},
    )
    views["completeness"] = View(known, frames=[completeness.scan(lake)])
    views["price_snapshots"] = _by_coin(views["price_snapshots"])
    views["price_indicators_1d"] = _prices_over_days(views["price_snapshots"])
    views["indicators_1d"] = _over_days(views["indicators"])
    return views | views_of_listings(lake)


def _view(lake: Lake, view: str) -> View:
    files: list[Path] = []
    frames: list[pl.LazyFrame] = []
    for held in every_day(lake, view):
        files.extend(held.files)
        if held.merged is not None:
            frames.append(_labelled(held.merged, held.partition))
    return View(STORED[VIEWS[view][0]].table.schema, files, frames)


def _labelled(frame: pl.LazyFrame, partition: Partition) -> pl.LazyFrame:
    return frame.with_columns(
        pl.lit(partition.instrument.venue).alias("venue"),
        pl.lit(partition.instrument.symbol).alias("symbol"),
        pl.lit(partition.date).alias("date"),
    )


def _rolled(seconds: View, interval: Interval) -> View:
    if not seconds.files:
        return View(seconds.schema)
    return View(seconds.schema, frames=[roll_up(_scan(seconds), interval, by=tuple(HIVE))])


def _over_days(indicators: View) -> View:
    """Compute averages and volatility of daily closes over every stored day."""
    schema = columns_over_days("close", PRICE)
    if not indicators.files:
        return View(schema)
    days = _scan(indicators).filter(pl.col("interval") == Interval.DAY.value)
    return View(schema, frames=[over_days(days, ("venue", "symbol"), "close", PRICE)])


def _by_coin(prices: View) -> View:
    """Show the prices of coins; a coin is the symbol of its row."""
    if not prices.files:
        return prices
    return View(prices.schema, frames=[_scan(prices).with_columns(symbol=pl.col("coin"))])


def _prices_over_days(prices: View) -> View:
    """Compute averages and volatility of the last price of every stored day."""
    schema = pl.Schema({"currency": pl.String(), **columns_over_days("price", FETCHED)})
    if not prices.frames:
        return View(schema)
    (rows,) = prices.frames
    by = ("venue", "symbol", "currency")
    days = rows.sort("ts_updated").group_by(*by, "date").agg(pl.col("price").last())
    return View(schema, frames=[over_days(days, by, "price", FETCHED)])


def _scan(view: View) -> pl.LazyFrame:
    return pl.scan_parquet(
        list(view.files),
        hive_partitioning=True,
        hive_schema=HIVE,
        glob=False,
    )


def query(
    lake: Lake,
    sql: str,
    *,
    venue: str = "binance",
    variables: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Run one reading statement over the lake's views.

    ``venue`` is the one that the macros mean where none is named, ``variables`` are what
    ``getvariable`` gives.

    Raises:
        UnsafeQuery: it is not exactly one SELECT, or DuckDB refuses it.
        FileHeld: the table ``trade_stream`` is asked for, and another process held its file.
    """
    views, stream = views_of(lake), lake.layout.trade_stream
    is_streamed = stream.exists()
    return duckdb.query(
        views if is_streamed else views | {TABLE: View(TRADES.schema)},
        sql,
        readable=lake.layout.root,
        venue=venue,
        variables=variables,
        stream=stream if is_streamed else None,
    )


def render(frame: pl.DataFrame, form: str) -> bytes:
    """Write a result as ``csv``, or as ``json``, a list of objects; decimals stay exact as text.

    Lists and structs are JSON within CSV; what is not a number is null in JSON.
    """
    if form == "csv":
        nested = [
            name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary
        ]
        return frame.with_columns(_texts(frame[name]) for name in nested).write_csv().encode()
    rows = [
        {name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)
    ]
    return (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode()


def _texts(column: pl.Series) -> pl.Series:
    plain = [_plain(value) for value in column.to_list()]
    texts = [one if isinstance(one, str | None) else json.dumps(one) for one in plain]
    return pl.Series(column.name, texts, dtype=pl.String)


def _plain(value: object) -> object:  # noqa: PLR0911 - one return a kind of value
    """Make a value what JSON has; sums of counts are decimals without places and stay numbers."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value.as_tuple().exponent == 0 else f"{value:f}"
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {str(name): _plain(one) for name, one in value.items()}
        case bytes():
            return value.hex()
    return str(value)


def write(frame: pl.DataFrame, form: str, path: Path) -> None:
    """Write a result to a file atomically, as ``csv``, ``json`` or ``parquet``."""
    with atomic.replacing(path) as temporary:
        if form == "parquet":
            frame.write_parquet(temporary, compression="zstd")
        else:
            temporary.write_bytes(render(frame, form))
