"""Every table is declared once, and data that is not as declared is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pandera.errors
import polars as pl
import pytest

from crypto_assets.model.tables import (
    AGG_TRADES,
    AVERAGE,
    BARS,
    FETCHED,
    GAPS,
    INDICATORS,
    KLINES,
    LISTINGS,
    OHLCV,
    PRICE,
    QUANTITY,
    QUOTES,
    REVISIONS,
    TABLES,
    TIME,
    TRADES,
    VERDICTS,
    VOLUME_PROFILE,
    Table,
    validate,
)

AT = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
GOOD: dict[str, dict[str, list[object]]] = {
    "trades": {
        "trade_id": [1, 2],
        "ts_event": [AT, AT],
        "price": [Decimal(1), Decimal(2)],
        "quantity": [Decimal(1), Decimal(2)],
        "is_buyer_maker": [True, False],
        "ts_recv": [None, AT],
        "quoted_value": [None, Decimal(3)],
        "match_id": [None, None],
    },
    "agg_trades": {
        "agg_id": [1, 2],
        "ts_event": [AT, AT],
        "price": [Decimal(1), Decimal(2)],
        "quantity": [Decimal(1), Decimal(2)],
        "first_trade_id": [1, 4],
        "last_trade_id": [3, 4],
        "is_buyer_maker": [True, False],
    },
    "quotes": {
        "update_id": [1, 2],
        "ts_as_of": [AT, AT],
        "ts_recv": [AT, None],
        "bid": [Decimal(1), Decimal(0)],
        "bid_quantity": [Decimal(1), Decimal(0)],
        "ask": [Decimal(2), Decimal(0)],
        "ask_quantity": [Decimal(1), Decimal(0)],
    },
    "bars": {
        name: [None, Decimal(1)] if dtype.is_decimal() else [None, 1]
        for name, dtype in BARS.schema.items()
    }
    | {
        "ts_open": [AT, AT + dt.timedelta(seconds=1)],
        "volume": [Decimal(0), Decimal(1)],
        "quote_volume": [Decimal(0), Decimal(1)],
        "trade_count": [0, 1],
        "taker_buy_volume": [Decimal(0), Decimal(1)],
        "taker_buy_quote_volume": [Decimal(0), Decimal(1)],
        "is_complete": [True, False],
    },
    "klines": {name: [Decimal(1)] for name, dtype in KLINES.schema.items() if dtype.is_decimal()}
    | {"interval": ["1m"], "ts_open": [AT], "trade_count": [0]},
    "ohlcv": {name: [Decimal(1)] for name, dtype in OHLCV.schema.items() if dtype.is_decimal()}
    | {"interval": ["1m"], "ts_open": [AT]},
    "indicators": {name: [None, 1] for name in INDICATORS.schema}
    | {"interval": ["1m", "1m"], "ts_open": [AT, AT + dt.timedelta(minutes=1)]},
    "volume_profile": {name: [1, 2] for name in VOLUME_PROFILE.schema}
    | {"is_point_of_control": [True, False], "is_value_area": [True, True]},
    "verdicts": {name: ["x"] for name in VERDICTS.schema}
    | {"severity": ["WARN"], "passed": [True]},
    "listings": {
        "symbol": ["BTCUSDT", "ETHBTC"],
        "status": ["TRADING", "BREAK"],
        "base": ["BTC", None],
        "quote": ["USDT", None],
        "tick_size": [Decimal("0.01"), None],
        "step_size": [Decimal("0.00001"), None],
        "min_notional": [Decimal(5), None],
    },
    "gaps": {name: [AT] for name, dtype in GAPS.schema.items() if dtype.is_temporal()}
    | {name: [1] for name, dtype in GAPS.schema.items() if dtype.is_integer()}
    | {"state": ["open"], "cause": ["not_delivered"], "source": [None], "evidence": ["{}"]},
    "revisions": {name: ["x"] for name in REVISIONS.schema}
    | {"ts_found": [AT], "added": [1], "removed": [0], "changed": [0]},
}


def frame(table: Table, **changed: list[object]) -> pl.DataFrame:
    values = {**GOOD[table.name], **changed}
    return pl.DataFrame({name: values[name] for name in table.schema}, schema=table.schema)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_schema_derives_from_the_model(table: Table) -> None:
    columns = table.model.to_schema().columns
    assert table.schema.names() == list(columns)
    for name, column in columns.items():
        assert table.schema[name] == column.dtype.type
    assert set(table.key) | set(table.hashed) <= set(table.schema)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_nothing_observed_is_a_float_and_all_of_a_kind_have_one_type(table: Table) -> None:
    is_computed = table is INDICATORS
    assert is_computed or not any(dtype.is_float() for dtype in table.schema.values())
    for dtype in table.schema.values():
        if dtype.is_decimal() and not (is_computed and dtype == AVERAGE):
            assert dtype in ((FETCHED,) if table is OHLCV else (PRICE, QUANTITY))
        if dtype.is_temporal():
            assert dtype == TIME


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_good_rows_pass_unchanged(table: Table) -> None:
    good = frame(table)
    assert validate(good, table).equals(good)


BAD: list[tuple[Table, str, list[object]]] = [
    (OHLCV, "low", [Decimal(0)]),
    (OHLCV, "close", [None]),
    (OHLCV, "volume", [Decimal(-1)]),
    (TRADES, "trade_id", [1, 1]),
    (TRADES, "trade_id", [-1, 2]),
    (TRADES, "trade_id", [None, 2]),
    (TRADES, "ts_event", [None, AT]),
    (TRADES, "price", [Decimal(0), Decimal(1)]),
    (TRADES, "price", [Decimal(-1), Decimal(1)]),
    (TRADES, "price", [None, Decimal(1)]),
    (TRADES, "quantity", [Decimal(0), Decimal(1)]),
    (TRADES, "is_buyer_maker", [None, True]),
    (AGG_TRADES, "agg_id", [1, 1]),
    (AGG_TRADES, "price", [Decimal(0), Decimal(1)]),
    (AGG_TRADES, "quantity", [Decimal(0), Decimal(1)]),
    (AGG_TRADES, "first_trade_id", [-1, 1]),
    (AGG_TRADES, "last_trade_id", [None, 1]),
    (QUOTES, "update_id", [2, 2]),
    (QUOTES, "bid", [Decimal(-1), Decimal(1)]),
    (QUOTES, "ask_quantity", [None, Decimal(1)]),
    (QUOTES, "ts_as_of", [None, AT]),
    (BARS, "ts_open", [AT, AT]),
    (BARS, "close", [Decimal(0), Decimal(1)]),
    (BARS, "volume", [Decimal(-1), Decimal(1)]),
    (BARS, "trade_count", [-1, 1]),
    (BARS, "is_complete", [None, True]),
    (KLINES, "open", [Decimal(0)]),
    (KLINES, "interval", [None]),
    (KLINES, "trade_count", [-1]),
    (LISTINGS, "symbol", ["BTCUSDT", "BTCUSDT"]),
    (LISTINGS, "tick_size", [Decimal(0), None]),
    (LISTINGS, "status", [None, "TRADING"]),
    (INDICATORS, "close", [Decimal(0), None]),
    (INDICATORS, "sma_20", [Decimal(-1), None]),
    (INDICATORS, "ema_200", [-1.0, None]),
    (INDICATORS, "rv_1s", [-0.1, None]),
    (INDICATORS, "interval", [None, "1m"]),
    (VOLUME_PROFILE, "price_from", [Decimal(1), Decimal(1)]),
    (VOLUME_PROFILE, "volume", [Decimal(-1), Decimal(1)]),
    (VOLUME_PROFILE, "trade_count", [0, 1]),
    (VERDICTS, "severity", ["FATAL"]),
    (VERDICTS, "passed", [None]),
]


@pytest.mark.parametrize(("table", "column", "values"), BAD)
def test_a_bad_value_is_named_by_its_column(
    table: Table,
    column: str,
    values: list[object],
) -> None:
    with pytest.raises(pandera.errors.SchemaErrors) as refused:
        validate(frame(table, **{column: values}), table)
    assert column in str(refused.value)


SHAPES: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = [
    ("a column too many", lambda good: good.with_columns(extra=pl.lit(1))),
    ("a column too few", lambda good: good.drop("price")),
    ("another order", lambda good: good.select(reversed(good.columns))),
    ("a float price", lambda good: good.cast({"price": pl.Float64()})),
    ("a wider price", lambda good: good.cast({"price": QUANTITY})),
    ("milliseconds", lambda good: good.cast({"ts_event": pl.Datetime("ms", "UTC")})),
    ("no time zone", lambda good: good.cast({"ts_event": pl.Datetime("us")})),
    ("text ids", lambda good: good.cast({"trade_id": pl.String()})),
]


@pytest.mark.parametrize(("what", "change"), SHAPES, ids=[what for what, _ in SHAPES])
def test_another_shape_is_refused(
    what: str,
    change: Callable[[pl.DataFrame], pl.DataFrame],
) -> None:
    with pytest.raises(pandera.errors.SchemaErrors):
        validate(change(frame(TRADES)), TRADES)


def test_when_and_how_we_received_a_row_is_not_part_of_its_hash() -> None:
    assert set(TRADES.schema) - set(TRADES.hashed) == {"ts_recv", "quoted_value"}
    assert set(QUOTES.schema) - set(QUOTES.hashed) == {"ts_recv"}
    for table in (AGG_TRADES, BARS, KLINES, VERDICTS):
        assert table.hashed == tuple(table.schema)
