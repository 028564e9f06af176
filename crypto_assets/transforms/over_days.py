"""Moving averages and volatility of one price a day."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crypto_assets.model.indicator import WINDOWS
from crypto_assets.transforms.moving_averages import (
    average_of,
    exponential_average,
    simple_average,
)
from crypto_assets.transforms.volatility import annualised, log_returns, realized_volatility

_DAY_S = 86_400


def columns_over_days(price: str, dtype: pl.Decimal) -> pl.Schema:
    """Name the columns :func:`over_days` adds to those that tell rows apart and the date."""
    return pl.Schema(
        {
            price: dtype,
            **{f"sma_{n}": average_of(dtype) for n in WINDOWS},
            **{f"ema_{n}": pl.Float64() for n in WINDOWS},
            "log_return": pl.Float64(),
            **{f"volatility_{n}": pl.Float64() for n in WINDOWS},
        },
    )


def over_days(
    days: pl.LazyFrame,
    by: Sequence[str],
    price: str,
    dtype: pl.Decimal,
) -> pl.LazyFrame:
    """Compute averages and yearly volatility over the last 20, 50 and 200 days.

    A day that is not there, or has no price, stands for one that is not known: no window that
    touches it has a value.

    Args:
        days: the ``by`` columns, ``date`` and the price, one row a day of each of them; in any
            order.
        by: the columns that tell series apart.
        price: the name of the price.
        dtype: its type.

    Returns:
        ``by``, ``date`` and :func:`columns_over_days`, one row for each of ``days``, ascending by
        date within each series.

    """
    schema = days.select(*by, "date").collect_schema()
    added = columns_over_days(price, dtype)

    def compute(frame: pl.DataFrame) -> pl.DataFrame:
        found = [
            _of_series(one, price, dtype) for one in frame.partition_by(by, maintain_order=True)
        ]
        whole = pl.concat(found) if found else pl.Schema({**schema, **added}).to_frame()
        return whole.select(*schema, *added)

    return days.select(*schema, price).map_batches(
        compute,
        schema=pl.Schema({**schema, **added}),
        # What is filtered away before would be lacking in the windows.
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
    )


def _of_series(days: pl.DataFrame, price: str, dtype: pl.Decimal) -> pl.DataFrame:
    value, log_return = pl.col(price), pl.col("log_return")
    ordered = days.sort("date").with_columns(is_there=True)
    return (
        ordered.upsample("date", every="1d")
        .with_columns(log_returns(value).alias("log_return"))
        .with_columns(
            *(simple_average(value, n, dtype).alias(f"sma_{n}") for n in WINDOWS),
            *(exponential_average(value, n, dtype).alias(f"ema_{n}") for n in WINDOWS),
            *(
                annualised(realized_volatility(log_return, n), n * _DAY_S).alias(f"volatility_{n}")
                for n in WINDOWS
            ),
        )
        .filter("is_there")
    )
