"""Every trade is counted once, in the class its quantity lies in."""

from __future__ import annotations

import itertools
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.tables import QUANTITY
from crypto_assets.transforms.trade_sizes import trade_sizes

quantities = st.integers(1, 10**28 - 1).map(lambda n: Decimal(n).scaleb(-8))


def frame(rows: list[tuple[Decimal, bool]]) -> pl.LazyFrame:
    schema = {"quantity": QUANTITY, "is_buyer_maker": pl.Boolean()}
    return pl.LazyFrame(rows, schema=schema, orient="row")


@given(st.lists(st.tuples(quantities, st.booleans())))
def test_every_trade_is_in_exactly_the_class_it_lies_in(rows: list[tuple[Decimal, bool]]) -> None:
    found = trade_sizes(frame(rows))
    for one in found:
        within = [sold for quantity, sold in rows if one.from_ <= quantity < one.until]
        assert (one.bought, one.sold) == (within.count(False), within.count(True))
    assert sum(one.bought + one.sold for one in found) == len(rows)


@given(st.lists(st.tuples(quantities, st.booleans()), min_size=1))
def test_classes_follow_each_other_and_the_outer_ones_are_not_empty(
    rows: list[tuple[Decimal, bool]],
) -> None:
    found = trade_sizes(frame(rows))
    assert all(a.until == b.from_ for a, b in itertools.pairwise(found))
    assert all(one.bought + one.sold for one in (found[0], found[-1]))


def test_a_bound_belongs_to_the_class_above() -> None:
    (one,) = trade_sizes(frame([(Decimal(5), False), (Decimal(5), True)]))
    assert (one.from_, one.until, one.bought, one.sold) == (Decimal(5), Decimal("6.3"), 1, 1)


def test_no_trade_has_no_class() -> None:
    assert trade_sizes(frame([])) == []
