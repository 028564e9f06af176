"""SQL over the lake: what each view reads, so that nothing is counted twice."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import polars as pl

from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import overlaps
from crypto_assets.model.assets import STORED
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import FETCHED, PRICE
from crypto_assets.pipeline.symbols import views_of_listings
from crypto_assets.sinks import duckdb
from crypto_assets.sinks.duckdb import HIVE, View
from crypto_assets.transforms.over_days import columns_over_days, over_days
from crypto_assets.transforms.rollup import roll_up

VIEWS = {
    "trades": ("daily_trades", "raw_trades"),
    "quotes": ("daily_quotes", "raw_quotes"),
    "bars_1s": ("daily_bars", "bars_1s"),
    "klines": ("klines",),
    "agg_trades": ("agg_trades",),
    "ohlcv": ("ohlcv",),
    "indicators": ("indicators",),
    "volume_profile": ("volume_profile",),
    "verdicts": ("verdicts",),
    "gaps": ("gaps",),
    "revisions": ("revisions",),
}
"""Each view with the assets it reads: the first of them that a partition has."""

FORMATS = ("table", "csv", "json", "parquet")


def views_of(lake: Lake) -> dict[str, View]:
    """Find what every view reads, as the lake lies now.

    Each of :data:`VIEWS` reads a partition's sealed file where it has one and its hot files
    elsewhere; where hot parts overlap each id comes once.
    ``bars_1m`` and every longer interval are rolled up from ``bars_1s``; ``indicators_1d`` is
    computed over the stored days of ``indicators``, ``price_indicators_1d`` over those of
    ``price_snapshots``; ``listings`` and ``symbol_history`` are what the exchange said of its
    symbols.
    """
    views = {name: _view(lake, assets) for name, assets in VIEWS.items()}
    seconds = views["bars_1s"]
    for interval in Interval:
        if interval is not Interval.SECOND:
            views[f"bars_{interval}"] = _rolled(seconds, interval)
    views["price_snapshots"] = _prices(lake)
    views["price_indicators_1d"] = _prices_over_days(views["price_snapshots"])
    views["indicators_1d"] = _over_days(views["indicators"])
    return views | views_of_listings(lake)


def _view(lake: Lake, assets: tuple[str, ...]) -> View:
    table = STORED[assets[0]].table
    seen: set[Partition] = set()
    files: list[Path] = []
    frames: list[pl.LazyFrame] = []
    for asset in assets:
        for partition in lake.layout.partitions(asset):
            if partition in seen:
                continue
            seen.add(partition)
            found = lake.layout.files(asset, partition)
            if table.id is None or len(found) == 1:
                files.extend(found)
                continue
            parts = lake.parts(asset, partition)
            if overlaps(parts):
                frames.append(_labelled(lake.scan(asset, partition), partition))
            else:
                files.extend(part.path for part in parts)
    return View(table.schema, files, frames)


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


def _prices(lake: Lake) -> View:
    """Show the prices of coins; a coin is the symbol of its row."""
    schema = STORED["price_snapshots"].table.schema
    stored = View(schema, _view(lake, ("price_snapshots",)).files)
    if not stored.files:
        return stored
    return View(schema, frames=[_scan(stored).with_columns(symbol=pl.col("coin"))])


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


def query(lake: Lake, sql: str) -> pl.DataFrame:
    """Run one reading statement over the lake's views.

    Raises:
        UnsafeQuery: it is not exactly one SELECT, or DuckDB refuses it.
    """
    return duckdb.query(views_of(lake), sql, readable=lake.layout.root)


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
