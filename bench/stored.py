"""What a download has left, held against what was published: ``python -m bench.stored JSON``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import polars as pl

from bench.sites import Question, Site, Stored
from crypto_assets.exchange.tape import UNIT, quote_value
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.model.interval import SECOND_US
from crypto_assets.venues import venue

_TIMES = {"ts_event": 1, "time": 1, "timestamp": 1_000}
"""Columns of times, and how many microseconds one of theirs is."""


def look(question: Question) -> Stored:
    """Read every file of trades there is, and sum price times quantity by second."""
    files = sorted(Path(question.left).glob(question.trades))
    found, exact = [], bool(files)
    for path in files:
        rows = pl.read_parquet(path, hive_partitioning=False)
        exact &= rows["price"].dtype.is_decimal()
        found.append(_by_second(rows).with_columns(symbol=pl.lit(_symbol(question.site, path))))
    told = pl.concat(_klines(question))
    nothing = told.clear().with_columns(sum=pl.lit(None, pl.Float64), rows=pl.lit(0))
    held = pl.concat(found) if found else nothing
    joined = told.join(held, on=["symbol", "second"], how="left", suffix="_held")
    rounded = pl.col("sum").mul(UNIT).round().cast(pl.Int128)
    as_float = pl.col("units").cast(pl.Float64) / UNIT
    return Stored(
        rows=int(held["rows"].sum()),
        bytes=sum(path.stat().st_size for path in files),
        seconds=joined.height,
        unequal=joined.filter(
            pl.col("units").ne_missing(pl.col("units_held"))
            if exact
            else as_float.ne_missing(pl.col("sum"))
        ).height,
        off=joined.filter(
            pl.col("units").ne_missing(pl.col("units_held") if exact else rounded)
        ).height,
        is_exact=exact,
    )


def _symbol(site: Site, path: Path) -> str:
    """Read a symbol off a path; some write its two assets apart."""
    return next(symbol for symbol in site.symbols if symbol in str(path).replace("_", ""))


def _by_second(rows: pl.DataFrame) -> pl.DataFrame:
    """Sum quote volume by second: ``units`` of 1e-8 from decimals, ``sum`` from floats."""
    time = next(name for name in _TIMES if name in rows.columns)
    quantity = "quantity" if "quantity" in rows.columns else "amount"
    second = pl.col(time).to_physical().cast(pl.Int64) * _TIMES[time] // SECOND_US
    rows = rows.rename({quantity: "quantity"}).with_columns(second=second)
    units, total = pl.lit(None, pl.Int128), pl.lit(None, pl.Float64)
    if rows["price"].dtype.is_decimal():
        units = quote_value().reinterpret(dtype=pl.Int128).sum()
    else:
        total = (pl.col("price") * pl.col("quantity")).sum()
    return rows.group_by("second").agg(units.alias("units"), total.alias("sum"), rows=pl.len())


def _klines(question: Question) -> list[pl.DataFrame]:
    """Read what was published of every second with trades."""
    found = []
    for symbol in question.site.symbols:
        folder = Path(question.published) / f"data/spot/daily/klines/{symbol}/1s"
        for path in sorted(folder.glob("*.zip")):
            for block in blocks(path):
                assert isinstance(block, Block), block
                rows = venue("binance").decode_klines(block.data, block.first_line, "1s").frame
                found.append(
                    rows.filter(pl.col("trade_count") > 0).select(
                        pl.col("ts_open").to_physical().floordiv(SECOND_US).alias("second"),
                        pl.col("quote_volume").reinterpret(dtype=pl.Int128).alias("units"),
                        pl.lit(symbol).alias("symbol"),
                    ),
                )
    return found


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[1], type=Question)
    print(msgspec.json.encode(look(asked)).decode())
