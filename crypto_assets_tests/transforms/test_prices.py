"""Prices of a day put together: each update once, whatever comes how often in which order."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.model.tables import PRICE_SNAPSHOTS, validate
from crypto_assets.transforms.prices import added

HOUR_US = 3_600_000_000
updates = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 24 * 6 - 1), st.integers(1, 9)),
    max_size=20,
    unique_by=lambda one: one[:2],
)


def rows(found: list[tuple[str, int, int]], source: str = "simple_price") -> pl.DataFrame:
    """Make prices of coins at multiples of ten minutes."""
    return pl.DataFrame(
        [
            {
                "coin": coin,
                "currency": "usd",
                "ts_snapshot": at * HOUR_US // 6,
                "ts_updated": at * HOUR_US // 6,
                "price": price,
                "source": source,
            }
            for coin, at, price in found
        ],
        schema={
            name: pl.Int64() if dtype.is_temporal() or dtype.is_decimal() else dtype
            for name, dtype in PRICE_SNAPSHOTS.schema.items()
        },
    ).cast(PRICE_SNAPSHOTS.schema)


NONE = rows([])


@given(updates, updates, st.sampled_from(["simple_price", "market_chart"]))
@settings(max_examples=40)
def test_adding_again_changes_nothing(
    first: list[tuple[str, int, int]],
    second: list[tuple[str, int, int]],
    source: str,
) -> None:
    kept = added(NONE, rows(first))
    once = added(kept, rows(second, source))
    validate(once, PRICE_SNAPSHOTS)
    assert added(once, rows(second, source)).equals(once)
    assert added(once, rows(first)).equals(once)
    assert once.join(kept, on=kept.columns, how="semi", nulls_equal=True).height == kept.height


@given(updates, updates)
@settings(max_examples=40)
def test_what_was_asked_at_the_time_comes_to_the_same_in_any_order_of_hours(
    first: list[tuple[str, int, int]],
    second: list[tuple[str, int, int]],
) -> None:
    keys = {one[:2] for one in first}
    apart = [one for one in second if one[:2] not in keys]
    assert added(added(NONE, rows(first)), rows(apart)).equals(
        added(added(NONE, rows(apart)), rows(first)),
    )


def test_an_update_that_is_there_stays_as_it_is() -> None:
    found = added(rows([("a", 0, 5)]), rows([("a", 0, 7)]))
    assert found["price"].to_list() == [5]


def test_the_past_fills_only_hours_that_nobody_asked_in() -> None:
    kept = rows([("a", 1, 5), ("b", 7, 5)])
    past = rows([("a", 0, 1), ("a", 6, 2), ("b", 2, 3), ("b", 8, 4)], "market_chart")
    found = added(kept, past)
    assert found.select("coin", "price").rows() == [("a", 5), ("b", 3), ("a", 2), ("b", 5)]
    late = added(found, rows([("a", 9, 6)]))
    assert late.filter(coin="a")["price"].to_list() == [5, 2, 6], "what is asked for is kept beside"
