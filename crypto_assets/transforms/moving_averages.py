"""Moving averages over the rows of a regular grid: bars of one interval, one value a day.

A value that is null stands for a bar that may lack trades. Nothing is averaged across it: every
window that touches one is null. A row's average takes in the row itself and rows before it, never
one after it.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.model.tables import PRICE

_EXTRA = 4
"""Decimal places an average has beyond those of its values: sums of 20, 50 and 200 divide out."""


def average_of(values: pl.Decimal = PRICE) -> pl.Decimal:
    """Name the type an average of exact decimals has: four places more."""
    return pl.Decimal(38, values.scale + _EXTRA)


def simple_average(values: pl.Expr, window: int, dtype: pl.Decimal = PRICE) -> pl.Expr:
    """Average the last ``window`` rows, in exact decimals.

    The sum is exact, whatever came before the window. The quotient is exact too where
    ``10^4 / window`` is whole, as for 20, 50 and 200; otherwise it is rounded half up.

    Args:
        values: decimals of ``dtype`` that are not negative, ascending in time.
        window: how many rows, at least 1.
        dtype: the type of ``values``.

    Returns:
        :func:`average_of` the type; null in the first ``window - 1`` rows and wherever one of the
        rows is null.

    """
    sums = values.reinterpret(dtype=pl.Int128).rolling_sum(window)
    average: pl.Expr = (sums * 10**_EXTRA + window // 2) // window
    return average.reinterpret(dtype=average_of(dtype))


def exponential_average(values: pl.Expr, window: int, dtype: pl.Decimal = PRICE) -> pl.Expr:
    """Average with weights that fall by ``1 - alpha`` a row, ``alpha = 2 / (window + 1)``.

    It begins with the simple average of the first ``window`` rows; then
    ``average += alpha * (value - average)``. After a null it begins anew, with the ``window`` rows
    behind it. Every row since the beginning has a weight, so no decimal is exact: these are floats.

    Source: ``alpha`` of P. N. Haurlan, "Measuring Trend Values" (1968); begun as TA-Lib's EMA is.

    Args:
        values: decimals of ``dtype`` that are not negative, ascending in time.
        window: how many rows, at least 1.
        dtype: the type of ``values``.

    Returns:
        Float64; null in the first ``window - 1`` rows after the start and after every null.

    """
    stretch = values.is_null().cum_sum()
    place = values.is_not_null().cum_sum()
    begun = (
        pl.when(place == window)
        .then(simple_average(values, window, dtype).cast(pl.Float64))
        .when((place > window) & values.is_not_null())
        .then(values.cast(pl.Float64))
    )
    return begun.ewm_mean(span=window, adjust=False, ignore_nulls=True).over(stretch)
