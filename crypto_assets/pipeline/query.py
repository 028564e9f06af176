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
from crypto_assets.model.message import TABLE
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.pipeline.symbols import views_of_listings
from crypto_assets.sinks import duckdb
from crypto_assets.sinks.duckdb import HIVE, View
from crypto_assets.transforms.rollup import roll_up

VIEWS = {
    "trades": ("daily_trades", "raw_trades"),
    "quotes": ("daily_quotes", "raw_quotes"),
    "bars_1s": ("daily_bars", "bars_1s"),
    "klines": ("klines",),
    "agg_trades": ("agg_trades",),
    "ohlcv": ("ohlcv",),
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
    ``bars_1m`` and every longer interval are rolled up from ``bars_1s``; ``listings`` and
    ``symbol_history`` are what the exchange said of its symbols.
    """
    views = {name: _view(lake, assets) for name, assets in VIEWS.items()}
    seconds = views["bars_1s"]
    for interval in Interval:
        if interval is not Interval.SECOND:
            views[f"bars_{interval}"] = _rolled(seconds, interval)
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
    bars = pl.scan_parquet(
        list(seconds.files),
        hive_partitioning=True,
        hive_schema=HIVE,
        glob=False,
    )
    return View(seconds.schema, frames=[roll_up(bars, interval, by=tuple(HIVE))])


def query(lake: Lake, sql: str) -> pl.DataFrame:
    """Run one reading statement over the lake's views.

    Raises:
        UnsafeQuery: it is not exactly one SELECT, or DuckDB refuses it.
        FileHeld: the table ``trade_stream`` is asked for, and another process held its file.
    """
    stream = lake.layout.trade_stream
    views = views_of(lake)
    if stream.exists():
        return duckdb.query(views, sql, readable=lake.layout.root, stream=stream)
    return duckdb.query(views | {TABLE: View(TRADES.schema)}, sql, readable=lake.layout.root)


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
