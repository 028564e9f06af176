"""What is written to a file is what the rows are, to the last digit, and always the same bytes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.sinks.files import FORMATS, write

AT = dt.datetime(2024, 7, 24, 23, 59, 59, tzinfo=dt.UTC)
SCHEMA = pl.Schema(
    {"at": pl.Datetime("us", "UTC"), "price": pl.Decimal(38, 18), "whole": pl.Decimal(38, 0)},
)


def rows(*prices: str | None) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "at": [AT + dt.timedelta(microseconds=1_500 * k) for k in range(len(prices))],
            "price": [None if price is None else Decimal(price) for price in prices],
            "whole": [Decimal(100)] * len(prices),
        },
        schema=SCHEMA,
    )


def test_csv_has_exact_decimals_and_times_in_utc(tmp_path: Path) -> None:
    write(rows("95000.10", None, "0", "0.000000000000000001"), "csv", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == (
        "at,price,whole\n"
        "2024-07-24T23:59:59Z,95000.1,100\n"
        "2024-07-24T23:59:59.001500Z,,100\n"
        "2024-07-24T23:59:59.003Z,0,100\n"
        "2024-07-24T23:59:59.004500Z,0.000000000000000001,100\n"
    )


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.decimals(-(10**15), 10**15, places=18), min_size=1))
def test_csv_gives_every_decimal_back(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[Decimal],
) -> None:
    frame = pl.LazyFrame({"value": values}, schema={"value": pl.Decimal(38, 18)})
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    write(frame, "csv", path)
    assert [Decimal(text) for text in path.read_text().split()[1:]] == values


def test_parquet_gives_everything_back(tmp_path: Path) -> None:
    found = rows("1.5", None)
    write(found, "parquet", tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(found.collect())


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_rows_give_the_same_bytes(form: str, tmp_path: Path) -> None:
    frame = pl.LazyFrame({"n": pl.int_range(300_000, eager=True)}).with_columns(
        pl.col("n").cast(pl.Decimal(28, 8)).alias("quantity"),
    )
    frame.sink_parquet(tmp_path / "source")
    found = set()
    for k in range(3):
        write(pl.scan_parquet(tmp_path / "source"), form, tmp_path / f"{k}")
        found.add((tmp_path / f"{k}").read_bytes())
    assert len(found) == 1
