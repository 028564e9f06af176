"""Volume by price: exact sums, the busiest bin, and what lies around it."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.tables import PRICE, QUANTITY, TRADES, VOLUME_PROFILE, validate
from crypto_assets.transforms.volume_profile import bin_width, volume_profile

Trade = tuple[Decimal, Decimal, bool]

positive = st.decimals("0.00000001", "99999", places=8, allow_nan=False)
some_trades = st.lists(
    st.tuples(st.decimals("90", "110", places=2, allow_nan=False), positive, st.booleans()),
    min_size=1,
    max_size=60,
)
widths = st.sampled_from([Decimal("0.01"), Decimal("0.05"), Decimal(1), Decimal("7.5")])


def trades_of(rows: list[Trade]) -> pl.LazyFrame:
    prices, quantities, makers = zip(*rows, strict=True) if rows else ((), (), ())
    return pl.LazyFrame(
        {"price": prices, "quantity": quantities, "is_buyer_maker": makers},
        schema={"price": PRICE, "quantity": QUANTITY, "is_buyer_maker": pl.Boolean()},
    )


def test_a_profile_by_hand() -> None:
    rows = [
        (Decimal("100.00"), Decimal(1), True),
        (Decimal("100.99"), Decimal(2), False),
        (Decimal("101.00"), Decimal(10), False),
        (Decimal("102.50"), Decimal(4), True),
        (Decimal("104.00"), Decimal("0.5"), True),
    ]
    found = volume_profile(trades_of(rows), Decimal(1))
    assert found.rows() == [
        (Decimal(100), Decimal(101), Decimal(3), Decimal(2), 2, False, False),
        (Decimal(101), Decimal(102), Decimal(10), Decimal(10), 1, True, True),
        (Decimal(102), Decimal(103), Decimal(4), Decimal(0), 1, False, True),
        (Decimal(104), Decimal(105), Decimal("0.5"), Decimal(0), 1, False, False),
    ]
    validate(found, VOLUME_PROFILE)


def test_a_profile_of_no_trade_has_no_bin() -> None:
    found = volume_profile(TRADES.schema.to_frame().lazy(), Decimal(1))
    assert found.schema == VOLUME_PROFILE.schema
    assert found.is_empty()


@pytest.mark.parametrize("width", ["0", "-1", "0.000000001", "0.015000001"])
def test_a_width_that_is_none_is_refused(width: str) -> None:
    with pytest.raises(InvalidName, match="bin width"):
        volume_profile(trades_of([]), Decimal(width))


@pytest.mark.parametrize(
    ("low", "high", "tick", "expected"),
    [
        ("59992.70", "60003.30", "0.01", "0.1"),
        ("100", "100", "0.01", "0.01"),
        ("1", "2", None, "0.01"),
        ("0.00001200", "0.00001300", "0.00000001", "0.00000001"),
        ("100", "200", "0.25", "1.25"),
    ],
)
def test_bins_are_some_hundred_at_most(
    low: str, high: str, tick: str | None, expected: str
) -> None:
    found = bin_width(Decimal(low), Decimal(high), Decimal(tick) if tick else None)
    assert found == Decimal(expected)


@given(positive, positive, st.sampled_from(["0.00000001", "0.01", "0.25", "3"]))
def test_a_width_is_a_multiple_of_the_tick(one: Decimal, other: Decimal, tick: str) -> None:
    low, high = sorted([one, other])
    found = bin_width(low, high, Decimal(tick), most=50)
    assert found % Decimal(tick) == 0
    assert high // found - low // found < 50


@given(some_trades, widths)
def test_bins_hold_every_trade_to_the_last_digit(rows: list[Trade], width: Decimal) -> None:
    found = validate(volume_profile(trades_of(rows), width), VOLUME_PROFILE)
    expected: dict[Decimal, list[Decimal]] = {}
    for price, quantity, is_buyer_maker in rows:
        sums = expected.setdefault(price // width * width, [Decimal(0), Decimal(0), Decimal(0)])
        sums[0] += quantity
        sums[1] += Decimal(0) if is_buyer_maker else quantity
        sums[2] += 1
    columns = ("price_from", "volume", "taker_buy_volume", "trade_count")
    assert found.select(columns).rows() == [
        (start, volume, bought, int(count))
        for start, (volume, bought, count) in sorted(expected.items())
    ]
    assert (found["price_to"] - found["price_from"] == width).all()


@given(some_trades, widths)
def test_the_value_area_holds_seventy_per_cent_around_the_busiest_bin(
    rows: list[Trade],
    width: Decimal,
) -> None:
    found = volume_profile(trades_of(rows), width)
    (control,) = found.filter("is_point_of_control")["volume"]
    assert control == found["volume"].max()
    area = found.with_row_index().filter("is_value_area")
    assert (area["index"].diff().drop_nulls() == 1).all()
    assert area["is_point_of_control"].sum() == 1
    held, whole = area["volume"].to_list(), sum(found["volume"].to_list(), Decimal(0))
    assert sum(held, Decimal(0)) * 100 >= whole * 70
    if len(held) > 1:
        # The bin taken last is one of the two at the ends: without it there was too little.
        rest = sum(held, Decimal(0)) - min(held[0], held[-1])
        least = sum(held, Decimal(0)) - max(held[0], held[-1])
        assert least * 100 < whole * 70 or rest * 100 < whole * 70


@given(some_trades, widths, st.randoms(use_true_random=False))
def test_the_order_of_trades_makes_no_difference(
    rows: list[Trade],
    width: Decimal,
    chance: object,
) -> None:
    mixed = list(rows)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert volume_profile(trades_of(mixed), width).equals(volume_profile(trades_of(rows), width))
