"""Coverage obeys the laws of sets of integers."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.coverage import Coverage, Range

ids = st.sets(st.integers(0, 60))
ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))),
    max_size=8,
)


def covered(found: Coverage) -> set[int]:
    return {id_ for first, last in found.ranges for id_ in range(first, last + 1)}


def of(numbers: set[int]) -> Coverage:
    return Coverage.of_ids(pl.Series(sorted(numbers), dtype=pl.Int64))


def is_normal(found: Coverage) -> bool:
    """Ascending, disjoint, and a hole between any two ranges."""
    each = all(first <= last for first, last in found.ranges)
    pairs = zip(found.ranges, found.ranges[1:], strict=False)
    return each and all(left[1] + 1 < right[0] for left, right in pairs)


@given(ranges)
def test_ranges_in_any_order_become_the_set_of_their_ids(given_ranges: list[Range]) -> None:
    found = Coverage.of(given_ranges)
    expected = {id_ for first, last in given_ranges for id_ in range(first, last + 1)}
    assert covered(found) == expected
    assert is_normal(found)
    assert len(found) == len(expected)
    assert Coverage.of(reversed(given_ranges)) == found


@given(st.lists(st.integers(0, 60)))
def test_a_column_of_ids_in_any_order_becomes_their_set(numbers: list[int]) -> None:
    found = Coverage.of_ids(pl.Series(numbers, dtype=pl.Int64))
    assert covered(found) == set(numbers)
    assert is_normal(found)


@given(ids, ids)
def test_union_intersection_and_difference_are_those_of_sets(a: set[int], b: set[int]) -> None:
    for found, expected in (
        (of(a) | of(b), a | b),
        (of(a) & of(b), a & b),
        (of(a) - of(b), a - b),
    ):
        assert covered(found) == expected
        assert is_normal(found)


@given(ids, ids, ids)
def test_subtracting_a_union_is_subtracting_one_after_the_other(
    a: set[int],
    b: set[int],
    c: set[int],
) -> None:
    assert of(a) - (of(b) | of(c)) == of(a) - of(b) - of(c)


@given(ids.filter(bool))
def test_missing_are_exactly_the_holes_between_first_and_last(numbers: set[int]) -> None:
    found = of(numbers)
    whole = set(range(min(numbers), max(numbers) + 1))
    assert (found.first, found.last) == (min(numbers), max(numbers))
    assert covered(Coverage(found.missing)) == whole - numbers
    assert is_normal(Coverage(found.missing))
    assert Coverage.within(min(numbers), max(numbers), found.missing) == found


def test_an_empty_coverage_has_no_ends_and_no_holes() -> None:
    empty = Coverage()
    assert (empty.first, empty.last, empty.missing, len(empty)) == (None, None, (), 0)
    assert empty == Coverage.of([]) == of(set())


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3\.\.2 ends before it starts"):
        Coverage.of([(3, 2)])


def test_ids_near_the_end_of_64_bits_are_counted_exactly() -> None:
    top = 2**63 - 1
    found = Coverage.of_ids(pl.Series([top - 3, top - 1, top], dtype=pl.Int64))
    assert found.ranges == ((top - 3, top - 3), (top - 1, top))


@given(ids, st.lists(st.integers(0, 60)))
def test_a_column_is_told_which_of_it_is_in_the_set(numbers: set[int], asked: list[int]) -> None:
    found = of(numbers).holds(pl.Series(asked, dtype=pl.Int64))
    assert found.to_list() == [one in numbers for one in asked]
