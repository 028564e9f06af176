"""C1 to C5: what each says of good prices, and that it fails on bad ones."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from crypto_assets.checks import catalogue, price_checks
from crypto_assets.checks.check import Finding
from crypto_assets.checks.priced import PricedDay
from crypto_assets.model.coin import PRICES
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import PRICE_SNAPSHOTS
from crypto_assets.model.verdict import Severity

DAY = Partition.of(PRICES.venue, PRICES.symbol, "2025-01-22")
HOUR_US = 3_600_000_000
PAIRS = (("bitcoin", "usd"), ("dai", "usd"))


def priced(**columns: pl.Expr) -> PricedDay:
    """A day with a price of two coins in each hour, some of whose columns are others."""
    rows = pl.DataFrame(
        [
            {
                "coin": coin,
                "currency": currency,
                "ts_snapshot": DAY.start_us + hour * HOUR_US + 30_000_000,
                "ts_updated": DAY.start_us + hour * HOUR_US + 10_000_000,
                "price": 100 + hour,
                "market_cap": 1_000 * (100 + hour),
                "source": "simple_price",
            }
            for hour in range(24)
            for coin, currency in PAIRS
        ],
        schema={
            name: pl.Int64() if dtype.is_temporal() or dtype.is_decimal() else dtype
            for name, dtype in PRICE_SNAPSHOTS.schema.items()
        },
    ).cast(PRICE_SNAPSHOTS.schema)
    return PricedDay(
        day=DAY,
        rows=rows.with_columns(**columns),
        pairs=PAIRS,
        until_us=DAY.end_us,
    )


def judge(check: str, found: PricedDay) -> Finding:
    return price_checks()[check].judge(found)


def at(hour: int, coin: str = "bitcoin") -> pl.Expr:
    return (pl.col("coin") == coin) & (pl.col("ts_updated").dt.hour() == hour)


def without(*hours: pl.Expr) -> PricedDay:
    found = priced()
    return replace(found, rows=found.rows.filter(~pl.any_horizontal(*hours)))


def moved(**factors: int) -> PricedDay:
    """Multiply columns from noon on."""
    noon = pl.col("ts_updated").dt.hour() >= 12
    return priced(
        **{
            name: pl.when(noon).then(pl.col(name) * factor).otherwise(name).cast(pl.Decimal(38, 18))
            for name, factor in factors.items()
        },
    )


def test_prices_have_checks_of_their_own() -> None:
    assert list(price_checks()) == [
        "every_hour_has_a_price",
        "price_rows_are_as_declared",
        "prices_are_fresh",
        "prices_are_of_their_day",
        "prices_do_not_jump",
    ]
    assert not price_checks().keys() & catalogue().keys()
    assert len({check.code for check in price_checks().values()}) == 5


@pytest.mark.parametrize("check", list(price_checks()))
def test_good_prices_pass(check: str) -> None:
    assert judge(check, priced()).passed


@pytest.mark.parametrize(
    "bad",
    [
        priced(price=pl.lit(0, dtype=pl.Decimal(38, 18))),
        priced(price=pl.lit(-1, dtype=pl.Decimal(38, 18))),
        priced(price=pl.lit(None, dtype=pl.Decimal(38, 18))),
        priced(market_cap=pl.lit(-1, dtype=pl.Decimal(38, 18))),
        priced(source=pl.lit("hearsay")),
        priced(price=pl.col("price").cast(pl.Float64)),
        priced(ts_updated=pl.col("ts_updated").first()),
    ],
    ids=["zero", "negative", "null", "cap", "source", "float", "twice"],
)
def test_rows_that_are_not_as_declared_are_told(bad: PricedDay) -> None:
    found = judge("price_rows_are_as_declared", bad)
    assert not found.passed
    assert found.evidence["count"]


def test_a_price_of_another_day_or_of_the_future_is_told() -> None:
    name = "prices_are_of_their_day"
    stray = judge(name, priced(ts_updated=pl.col("ts_updated").dt.offset_by("-1h")))
    assert stray.evidence == {"strays": 2, "ahead": 0}
    ahead = judge(name, priced(ts_snapshot=pl.col("ts_updated").dt.offset_by("-6m")))
    assert ahead.evidence == {"strays": 0, "ahead": 48}
    assert not stray.passed
    assert not ahead.passed


def test_hours_without_a_price_are_named_by_coin() -> None:
    found = judge("every_hour_has_a_price", without(at(3), at(4), at(23), at(7, "dai")))
    assert not found.passed
    assert found.evidence == {"hours": {"bitcoin/usd": ["03..04", "23"], "dai/usd": ["07"]}}
    assert price_checks()["every_hour_has_a_price"].severity is Severity.WARN
    none = replace(priced(), pairs=(("nonsense", "usd"),))
    assert judge("every_hour_has_a_price", none).evidence == {"hours": {"nonsense/usd": ["00..23"]}}


def test_hours_that_have_not_passed_are_not_missed() -> None:
    found = replace(
        without(*(at(hour, coin) for hour in range(5, 24) for coin in ("bitcoin", "dai"))),
        until_us=DAY.start_us + 5 * HOUR_US + 1,
    )
    assert judge("every_hour_has_a_price", found).passed
    assert judge("every_hour_has_a_price", replace(found, until_us=DAY.start_us)).passed
    later = replace(found, until_us=DAY.start_us + 6 * HOUR_US)
    assert not judge("every_hour_has_a_price", later).passed


def test_a_price_that_was_old_when_it_was_asked_for_is_told() -> None:
    old = pl.when(at(5, "dai")).then(pl.col("ts_updated").dt.offset_by("61m"))
    found = judge("prices_are_fresh", priced(ts_snapshot=old.otherwise("ts_snapshot")))
    assert not found.passed
    assert found.evidence == {"count": 1, "age_s": {"dai": 3_660}}
    past = priced(source=pl.lit("market_chart"))
    assert not judge("prices_are_fresh", past).checked


def test_a_jump_is_told_unless_the_market_cap_jumps_as_well() -> None:
    name = "prices_do_not_jump"
    for found in (moved(price=2), moved(price=10, market_cap=5)):
        verdict = judge(name, found)
        assert not verdict.passed
        assert verdict.evidence["count"] == 2
    assert judge(name, moved(price=10, market_cap=10)).passed
    assert judge(name, moved(market_cap=10)).passed
    alone = moved(price=2)
    no_cap = alone.rows.with_columns(market_cap=pl.lit(None, dtype=pl.Decimal(38, 18)))
    assert not judge(name, replace(alone, rows=no_cap)).passed
    assert judge(name, moved(price=Decimal("1.4"))).passed  # type: ignore[arg-type]
