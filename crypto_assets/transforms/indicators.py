"""Indicators of a day's bars: moving averages, volatility, the average price so far."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crypto_assets.model.interval import SECOND_US, length_of
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import INDICATORS, TIME
from crypto_assets.transforms.bars import vwap
from crypto_assets.transforms.moving_averages import exponential_average, simple_average
from crypto_assets.transforms.volatility import (
    annualised,
    garman_klass,
    log_returns,
    parkinson,
    realized_volatility,
    squares,
    volatility_of,
)

INTERVALS = ("1m", "5m", "15m", "1h", "1d")
"""Whose bars have indicators, each a multiple of the one before."""
WINDOWS = (20, 50, 200)
"""How many bars averages and rolling volatilities reach over."""
WARM_UP_DAYS = 9
"""So many days before hold the 200 bars of an hour before a day's first bar."""
NEEDED = (
    "ts_open",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trade_count",
    "is_complete",
)
"""The columns of a day's own bars that are looked at."""
NEEDED_BEFORE = ("ts_open", "close", "is_complete")
"""The columns of the bars of the days before that are."""


def indicators(
    bars: pl.LazyFrame,
    before: Sequence[pl.LazyFrame],
    partition: Partition,
) -> pl.DataFrame:
    """Compute the indicators of a day for every one of :data:`INTERVALS`.

    A bar that is not complete has none, and no window that touches one has any. What is known of a
    bar is known when it ends, ``interval`` after its ``ts_open``; nothing of a row depends on
    anything later.

    Args:
        bars: the day's 86,400 one-second bars, ascending; :data:`NEEDED` columns.
        before: those of the days before without a hole between, ascending, as many as are there of
            :data:`WARM_UP_DAYS`; :data:`NEEDED_BEFORE` columns. Without them the day's first rows
            are null as far as windows reach.
        partition: whose day it is.

    Returns:
        The Indicators schema, by interval and ascending by time: 1,440 rows of ``1m``, then 288.

    """
    today = _minutes_of_day(bars, before[-1] if before else None)
    minutes = pl.concat(
        [*pl.collect_all([_closes(day) for day in before]), today],
        how="diagonal",
    ).with_columns(squares(log_returns(pl.col("close"))).alias("squares_1m"))
    return pl.concat(_of_interval(minutes, interval, partition) for interval in INTERVALS)


def _known(name: str = "close") -> pl.Expr:
    return pl.when("is_complete").then(name).alias(name)


def _minute() -> pl.Expr:
    return pl.col("ts_open").dt.truncate("1m")


def _closes(bars: pl.LazyFrame) -> pl.LazyFrame:
    """Reduce a day before to the closes of its minutes."""
    return (
        bars.select(*NEEDED_BEFORE)
        .group_by(_minute(), maintain_order=True)
        .agg(pl.col("close").last(), pl.col("is_complete").all())
        .with_columns(_known())
    )


def _minutes_of_day(bars: pl.LazyFrame, before: pl.LazyFrame | None) -> pl.DataFrame:
    """Reduce the day's seconds to minutes, with the squares of their returns summed."""
    day = bars.select(*NEEDED)
    traded = pl.col("trade_count") > 0
    if before is not None:
        day = pl.concat([before.select(*NEEDED_BEFORE).tail(1), day], how="diagonal")
    return (
        day.with_columns(
            squares(log_returns(_known())).alias("squares_1s"),
            pl.col("close").alias("last_close"),
            *(pl.when(traded).then(name).alias(name) for name in ("open", "high", "low", "close")),
        )
        .slice(1 if before is not None else 0)
        .group_by(_minute(), maintain_order=True)
        .agg(
            pl.col("open").first(ignore_nulls=True),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("last_close").last(),
            pl.col("volume", "quote_volume").sum(),
            pl.col("is_complete").all(),
            _whole_sum("squares_1s"),
        )
        .with_columns(
            pl.coalesce(name, "last_close").alias(name) for name in ("open", "high", "low")
        )
        .rename({"last_close": "close"})
        .with_columns(_known(name) for name in ("open", "high", "low", "close"))
        .collect()
    )


def _whole_sum(name: str) -> pl.Expr:
    """Sum up values of which none is null."""
    return pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name)


def _of_interval(minutes: pl.DataFrame, interval: str, partition: Partition) -> pl.DataFrame:
    length = length_of(interval)
    seconds = length // SECOND_US
    close = pl.col("close")
    so_far = pl.col("is_complete").cum_min()
    bars = (
        minutes.lazy()
        .group_by(pl.col("ts_open").dt.truncate(interval), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            close.last(),
            pl.col("volume", "quote_volume").sum(),
            pl.col("is_complete").all(),
            _whole_sum("squares_1s"),
            _whole_sum("squares_1m"),
        )
        .with_columns(_known(name) for name in ("open", "high", "low", "close"))
        .with_columns(log_returns(close).alias("log_return"))
        .with_columns(
            *(simple_average(close, n).alias(f"sma_{n}") for n in WINDOWS),
            *(exponential_average(close, n).alias(f"ema_{n}") for n in WINDOWS),
            *(
                annualised(realized_volatility(pl.col("log_return"), n), n * seconds).alias(
                    f"volatility_{n}",
                )
                for n in WINDOWS
            ),
        )
        .filter(pl.col("ts_open") >= pl.lit(partition.start_us).cast(TIME))
    )
    return (
        bars.select(
            interval=pl.lit(interval),
            ts_open="ts_open",
            close="close",
            vwap_so_far=pl.when(so_far).then(
                vwap(pl.col("quote_volume").cum_sum(), pl.col("volume").cum_sum()),
            ),
            **{name: pl.col(name) for n in WINDOWS for name in (f"sma_{n}",)},
            **{name: pl.col(name) for n in WINDOWS for name in (f"ema_{n}",)},
            log_return="log_return",
            rv_1s=volatility_of(pl.col("squares_1s")),
            rv_1m=volatility_of(pl.col("squares_1m")),
            **{name: pl.col(name) for n in WINDOWS for name in (f"volatility_{n}",)},
            parkinson=parkinson(pl.col("high"), pl.col("low")),
            garman_klass=garman_klass(pl.col("open"), pl.col("high"), pl.col("low"), close),
        )
        .collect()
        .select(INDICATORS.schema.names())
    )
