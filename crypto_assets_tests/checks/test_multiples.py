"""Remainders of decimals."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.checks.multiples import off_step
from crypto_assets.model.tables import QUANTITY


@settings(max_examples=50, deadline=None)
@given(
    value=st.decimals(0, 10**12, places=8, allow_nan=False),
    step=st.sampled_from(["0.00000001", "0.001", "0.25", "1", "5", "100"]),
)
def test_it_is_the_remainder_of_decimals(value: Decimal, step: str) -> None:
    frame = pl.DataFrame({"value": [value]}, schema={"value": QUANTITY})
    assert frame.select(off_step("value", Decimal(step))).item() == (value % Decimal(step) != 0)


def test_null_stays_null() -> None:
    frame = pl.DataFrame({"value": [None]}, schema={"value": QUANTITY})
    assert frame.select(off_step("value", Decimal(1))).item() is None


@pytest.mark.parametrize("step", ["0", "-0.1", "0.000000001"])
def test_a_step_that_is_none_is_refused(step: str) -> None:
    with pytest.raises(ValueError, match="expected a positive number"):
        off_step("value", Decimal(step))
