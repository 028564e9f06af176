"""How much prices move: log returns, realized volatility, range estimators. All are floats.

A price that is null stands for a bar that may lack trades; nothing is computed across it.
"""

from __future__ import annotations

import math

import polars as pl

YEAR_SECONDS = 365 * 86_400
"""A year of a market that never closes."""
_UNIT = 1e28
_SMALL = 0.5
_FOUR_LN_2 = 4 * math.log(2)


def log_returns(prices: pl.Expr) -> pl.Expr:
    """Compute ``ln(price / price of the row before)``.

    A small move is computed as ``ln(1 + difference / price before)`` of the exact difference, so
    that one tick keeps all its digits.

    Args:
        prices: positive decimals on a regular grid, ascending in time.

    Returns:
        Float64; null in the first row, and where the price or the one before it is null.

    """
    return _log_ratio(prices, prices.shift(1))


def squares(returns: pl.Expr) -> pl.Expr:
    """Square returns into whole multiples of ``1e-28``.

    Sums of them are exact, so that a window's sum is the same whatever came before it and however
    it is put together from parts; :func:`volatility_of` turns a sum into a volatility.
    """
    return (returns * returns * _UNIT).round().cast(pl.Int128)


def volatility_of(sum_of_squares: pl.Expr) -> pl.Expr:
    """Take the root of a sum of :func:`squares`."""
    return (sum_of_squares.cast(pl.Float64) / _UNIT).sqrt()


def realized_volatility(returns: pl.Expr, window: int) -> pl.Expr:
    """Compute ``sqrt(sum of r^2)`` over the last ``window`` returns: of that time, not of a year.

    Source: Andersen, Bollerslev, Diebold, Labys, "Modeling and Forecasting Realized Volatility",
    Econometrica 71 (2003) 579-625; Barndorff-Nielsen, Shephard, "Econometric analysis of realized
    volatility", J. R. Statist. Soc. B 64 (2002) 253-280.

    Args:
        returns: log returns on a regular grid, ascending in time.
        window: how many of them, at least 1.

    Returns:
        Float64; null in the first ``window - 1`` rows and wherever one of the returns is null.

    """
    return volatility_of(squares(returns).rolling_sum(window))


def annualised(volatility: pl.Expr, seconds: float) -> pl.Expr:
    """Scale the volatility of so many seconds to a year of 365 x 86,400, by the root of time."""
    return volatility * math.sqrt(YEAR_SECONDS / seconds)


def parkinson(high: pl.Expr, low: pl.Expr) -> pl.Expr:
    """Estimate a bar's volatility from its range: ``sqrt(ln(high / low)^2 / (4 ln 2))``.

    Source: Parkinson, "The Extreme Value Method for Estimating the Variance of the Rate of Return",
    Journal of Business 53 (1980) 61-65.

    Args:
        high: the bar's highest price, a positive decimal.
        low: its lowest.

    Returns:
        Float64, of the bar's own time; null where one is null.

    """
    return (_log_ratio(high, low).pow(2) / _FOUR_LN_2).sqrt()


def garman_klass(open_: pl.Expr, high: pl.Expr, low: pl.Expr, close: pl.Expr) -> pl.Expr:
    """Estimate a bar's volatility from its four prices.

    ``sqrt(ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(close / open)^2)``, which is never below the root
    of 0: neither open nor close lies outside the range.

    Source: Garman, Klass, "On the Estimation of Security Price Volatilities from Historical Data",
    Journal of Business 53 (1980) 67-78, their practical estimator.

    Returns:
        Float64, of the bar's own time; null where one is null.

    """
    body = (2 * math.log(2) - 1) * _log_ratio(close, open_).pow(2)
    return (_log_ratio(high, low).pow(2) / 2 - body).sqrt()


def _log_ratio(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Compute ``ln(one / other)`` of positive decimals without losing digits near 1 or near 0."""
    move = (one - other).cast(pl.Float64) / other.cast(pl.Float64)
    return (
        pl.when(move.abs() < _SMALL)
        .then(move.log1p())
        .otherwise(one.cast(pl.Float64).log() - other.cast(pl.Float64).log())
    )
