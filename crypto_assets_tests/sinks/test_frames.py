"""A frame that is handed on loses no digit, and becomes floats only when they are asked for."""

from __future__ import annotations

import datetime as dt
import importlib.util
import sys
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.errors import InvalidName, NotInstalled
from crypto_assets.model.tables import PRICE, QUANTITY, TIME
from crypto_assets.sinks.frames import to_arrow, to_duckdb, to_pandas

EXACT = Decimal("9999999999.99999999")
AT = dt.datetime(2024, 7, 24, 12, tzinfo=dt.UTC)
FRAME = pl.DataFrame(
    {
        "symbol": ["BTCUSDT", "ETHUSDT"],
        "ts_event": [AT, None],
        "price": [EXACT, Decimal("0.1")],
        "quantity": [Decimal("12345678901234567890.12345678"), None],
    },
    schema={"symbol": pl.String(), "ts_event": TIME, "price": PRICE, "quantity": QUANTITY},
)


@pytest.mark.parametrize("frame", [FRAME, FRAME.lazy()], ids=["eager", "lazy"])
def test_arrow_has_exact_decimals_or_floats_on_request(frame: pl.DataFrame) -> None:
    exact = to_arrow(frame)
    assert exact.schema.field("price").type == pa.decimal128(18, 8)
    assert exact.schema.field("quantity").type == pa.decimal128(28, 8)
    assert exact["price"].to_pylist() == FRAME["price"].to_list()
    floats = to_arrow(frame, decimals="float64")
    assert floats.schema.field("price").type == pa.float64()
    assert floats["price"].to_pylist() == [1e10, 0.1]
    assert floats["quantity"].null_count == 1


def test_a_relation_has_exact_decimals_and_times_in_utc() -> None:
    found = to_duckdb(FRAME.lazy())
    assert dict(zip(found.columns, map(str, found.types), strict=True)) == {
        "symbol": "VARCHAR",
        "ts_event": "TIMESTAMP WITH TIME ZONE",
        "price": "DECIMAL(18,8)",
        "quantity": "DECIMAL(28,8)",
    }
    assert found.filter("price > 1").fetchall()[0][2:] == (EXACT, FRAME["quantity"][0])
    assert found.aggregate("max(ts_event)::VARCHAR").fetchall() == [("2024-07-24 12:00:00+00",)]


def test_two_relations_of_one_connection_keep_apart() -> None:
    connection = duckdb.connect(":memory:")
    one, other = (to_duckdb(FRAME.head(rows), connection) for rows in (1, 2))
    assert (len(one), len(other)) == (1, 2)


def test_decimals_that_are_neither_are_refused() -> None:
    with pytest.raises(InvalidName, match="'float32': expected exact or float64"):
        to_arrow(FRAME, decimals="float32")  # type: ignore[arg-type]


def test_pandas_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NotInstalled, match=r"install crypto-assets\[pandas\]"):
        to_pandas(FRAME)


@pytest.mark.skipif(not importlib.util.find_spec("pandas"), reason="pandas is not installed")
def test_pandas_has_exact_decimals_or_floats_on_request() -> None:
    exact = to_pandas(FRAME.lazy())
    assert exact["price"].tolist() == FRAME["price"].to_list()
    assert str(exact["price"].dtype) == "decimal128(18, 8)[pyarrow]"
    assert str(exact["ts_event"].dtype) == "datetime64[us, UTC]"
    floats = to_pandas(FRAME, decimals="float64")
    assert str(floats["price"].dtype) == "float64"
    assert floats["price"].tolist() == [1e10, 0.1]
