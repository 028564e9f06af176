"""Which decimals of a frame are not a multiple of a step."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crypto_assets.model.tables import PRICE


def off_step(column: str, step: Decimal) -> pl.Expr:
    """Whether a value of 8 decimals is not a multiple of the step; null stays null.

    Works on the integers below the decimals, where a remainder is 10 times as fast.

    Raises:
        ValueError: the step is not above zero or has more than 8 decimals.
    """
    scaled = step.scaleb(PRICE.scale)
    if scaled <= 0 or scaled != scaled.to_integral_value():
        message = f"step {step}: expected a positive number of at most 8 decimals"
        raise ValueError(message)
    return pl.col(column).to_physical() % int(scaled) != 0
