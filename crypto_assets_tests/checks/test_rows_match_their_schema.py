"""R1."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from pandera.config import ValidationDepth, config_context

from crypto_assets.checks import rows_match_their_schema
from crypto_assets.model.tables import PRICE
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "rows_match_their_schema"


@pytest.mark.parametrize(
    "asset",
    ["raw_trades", "raw_quotes", "bars_1s", "klines", "agg_trades"],
)
def test_every_table_passes(make: Make, asset: str) -> None:
    trades = make.trades()
    day = make.day(trades, make.quotes(), make.klines(trades))
    day = make.aggregated(day, make.aggregates(trades))
    verdict = make.judge(asset, NAME, day)
    assert verdict.passed, verdict.message
    assert verdict.evidence["rows"] != 0


def test_values_out_of_range_fail_and_are_shown(make: Make) -> None:
    trades = make.trades([1, 2, 3], prices=["1", "0", "1"]).with_columns(
        quantity=pl.when(pl.col("trade_id") != 3).then("quantity"),
    )
    day = replace(make.day(make.trades()), trades=trades.lazy())
    verdict = make.judge("raw_trades", NAME, day)
    assert not verdict.passed
    assert verdict.severity is Severity.ERROR
    assert verdict.evidence["count"] == 2
    assert verdict.evidence["rules"] == ["price: greater_than(0)", "quantity: not_nullable"]
    assert verdict.evidence["cases"] == [
        {"column": "price", "check": "greater_than(0)", "value": "0.00000000", "row": 1},
        {"column": "quantity", "check": "not_nullable", "value": None, "row": 2},
    ]


def test_at_most_twenty_cases_are_shown(make: Make) -> None:
    trades = make.trades(range(100)).with_columns(price=pl.lit(Decimal(0), PRICE))
    day = replace(make.day(make.trades()), trades=trades.lazy())
    verdict = make.judge("raw_trades", NAME, day)
    cases = verdict.evidence["cases"]
    assert isinstance(cases, list)
    assert len(cases) == 20
    assert verdict.evidence["count"] == 100


def test_the_environment_cannot_turn_it_off(make: Make) -> None:
    trades = make.trades([1], prices=["0"])
    day = replace(make.day(make.trades()), trades=trades.lazy())
    with config_context(validation_enabled=False, validation_depth=ValidationDepth.SCHEMA_ONLY):
        assert not make.judge("raw_trades", NAME, day).passed


def test_a_fault_in_a_later_batch_is_found_at_its_row(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows_match_their_schema, "_BATCH", 10)
    prices = ["1"] * 34 + ["0"] + ["1"] * 5
    day = replace(make.day(make.trades()), trades=make.trades(range(40), prices=prices).lazy())
    verdict = make.judge("raw_trades", NAME, day)
    assert verdict.evidence["cases"] == [
        {"column": "price", "check": "greater_than(0)", "value": "0.00000000", "row": 34},
    ]


@pytest.mark.parametrize("change", ["missing", "extra", "type", "order"])
def test_columns_that_are_not_the_declared_ones_fail(make: Make, change: str) -> None:
    trades = make.trades()
    changed = {
        "missing": trades.drop("ts_recv"),
        "extra": trades.with_columns(more=1),
        "type": trades.with_columns(pl.col("price").cast(pl.Float64)),
        "order": trades.select(reversed(trades.columns)),
    }[change]
    for rows in (changed, changed.head(0)):
        day = replace(make.day(trades), trades=rows.lazy())
        assert not make.judge("raw_trades", NAME, day).passed


def test_no_rows_pass_and_no_frame_fails(make: Make) -> None:
    assert make.judge("raw_trades", NAME, make.day(make.trades([]))).passed
    assert not make.judge("raw_trades", NAME, make.day()).passed


def test_a_price_of_zero_of_any_exchange_is_not_as_declared(make: Make) -> None:
    good = make.ohlcv()
    assert make.judge("ohlcv", NAME, make.fetched(good)).passed
    bad = good.with_columns(low=pl.col("low") - pl.col("low"))
    assert not make.judge("ohlcv", NAME, make.fetched(bad)).passed


def test_derived_rows_that_are_not_as_declared_are_told(make: Make) -> None:
    good = make.derived()
    assert good.indicators is not None
    assert good.profile is not None
    bad = replace(
        good,
        indicators=good.indicators.with_columns(rv_1s=pl.lit(-1.0)),
        profile=good.profile.with_columns(trade_count=pl.lit(0, dtype=pl.Int64)),
    )
    for asset in ("indicators", "volume_profile"):
        assert make.judge(asset, "rows_match_their_schema", good).passed
        assert not make.judge(asset, "rows_match_their_schema", bad).passed
