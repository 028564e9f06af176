"""What is stored exactly becomes the nearest float or the exact tick, and nothing is made up."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName, UnreadableInput
from crypto_assets.model.tables import BARS, QUANTITY, TRADES
from crypto_assets.training.decode import (
    Array,
    Numbers,
    _units,
    numeric_columns,
    read_group,
    scaled,
)

amounts = st.integers(-(2**53) + 1, 2**53 - 1)


def decimals(units: list[int | None]) -> pl.Series:
    return pl.Series("x", units, dtype=pl.Int128).reinterpret(dtype=QUANTITY)


def numbers_of(column: pl.Series, numbers: Numbers, subject: str) -> Array:
    return scaled(_units(column, numbers, subject), column.dtype, numbers)


@given(st.lists(amounts, min_size=1))
def test_a_float_is_the_nearest_to_its_decimal(units: list[int]) -> None:
    found = numbers_of(decimals(units), "float64", "x")
    assert found.tolist() == [float(Decimal(unit).scaleb(-8)) for unit in units]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_a_tick_is_exact(units: list[int]) -> None:
    found = numbers_of(decimals(units), "ticks", "x")
    assert found.dtype == np.int64
    assert found.tolist() == units


def test_what_outgrows_64_bits_is_a_float_and_no_tick(tmp_path: Path) -> None:
    units = [10**21, 5, None]
    floats = numbers_of(decimals(units), "float64", "x")
    assert floats[:2].tolist() == [1e13, 5e-8]
    assert np.isnan(floats[2])
    path = tmp_path / "x.parquet"
    decimals([10**21]).to_frame().write_parquet(path)
    with pytest.raises(UnreadableInput, match=r"x\.parquet"):
        read_group(path, 0, 1, ["x"], "ticks")


def test_where_there_is_no_value_there_is_no_number_but_nan() -> None:
    assert np.isnan(numbers_of(decimals([None, 1]), "float32", "x")).tolist() == [True, False]
    for column in (
        pl.Series("x", [1, None]),
        pl.Series("x", [True, None]),
        pl.Series("x", [1, None]).cast(pl.Datetime("us", "UTC")),
    ):
        with pytest.raises(UnreadableInput, match="expected a value in every row, found 1 without"):
            numbers_of(column, "float64", "x")
    with pytest.raises(UnreadableInput, match="without"):
        numbers_of(decimals([None]), "ticks", "x")


def test_fewer_rows_than_a_footer_promised_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"x": [1, 2]}).write_parquet(path)
    with pytest.raises(UnreadableInput, match="expected 3 rows"):
        read_group(path, 0, 3, ["x"], "float64")
    with pytest.raises(UnreadableInput, match=r"none\.parquet"):
        read_group(tmp_path / "none.parquet", 0, 3, ["x"], "float64")


@pytest.mark.parametrize("columns", [[], ["match_id"], ["close"], ["price", "price"]])
def test_columns_that_are_no_numbers_of_the_table_are_refused(columns: list[str]) -> None:
    with pytest.raises(InvalidName, match="expected some of trade_id, ts_event"):
        numeric_columns(TRADES, columns)


def test_every_column_but_text_is_a_number() -> None:
    assert len(numeric_columns(BARS, [*BARS.schema.names(), "instrument"])) == 20
