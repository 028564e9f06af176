"""Orders are permutations that follow from their key, and shares of rows are disjoint and whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.training.order import (
    Consumer,
    Slice,
    blocks,
    interleaved,
    permutation,
    share_of,
)

sizes_of_shards = st.lists(st.integers(1, 50), max_size=12)
readers = st.tuples(st.integers(1, 4), st.integers(1, 3))


def rows_of(slices: list[Slice]) -> list[tuple[int, int]]:
    return [(one.shard, one.start + row) for one in slices for row in range(one.rows)]


@given(st.integers(0, 3_000), st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
def test_an_order_is_a_permutation_that_follows_from_its_key(count: int, key: list[int]) -> None:
    found = permutation(count, *key)
    assert np.array_equal(np.sort(found), np.arange(count))
    assert np.array_equal(found, permutation(count, *key))


def test_an_order_is_the_same_with_every_release() -> None:
    assert permutation(10, 7, 0).tolist() == [6, 3, 4, 9, 0, 2, 8, 7, 5, 1]


def test_other_keys_give_other_orders() -> None:
    found = {tuple(permutation(50, seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(found) == 25


def test_every_place_is_as_likely() -> None:
    drawn = np.array([permutation(8, seed) for seed in range(8_000)])
    counts = np.array([np.bincount(column, minlength=8) for column in drawn.T])
    assert abs(counts - 1_000).max() < 150


@given(sizes_of_shards, readers, st.integers(0, 100))
def test_all_consumers_together_get_every_row_once(
    sizes: list[int], many: tuple[int, int], seed: int
) -> None:
    ranks, workers = many
    order = permutation(len(sizes), seed)
    consumers = [
        Consumer(rank, ranks, worker, workers) for rank in range(ranks) for worker in range(workers)
    ]
    shares = [rows_of(share_of(sizes, order, consumer)) for consumer in consumers]
    everything = [row for share in shares for row in share]
    assert sorted(everything) == [(n, row) for n, size in enumerate(sizes) for row in range(size)]
    lengths = [len(share) for share in shares]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] - lengths[-1] <= 1


@given(sizes_of_shards, st.integers(1, 5), st.integers(1, 20))
def test_dealing_rows_by_turns_loses_none(sizes: list[int], side: int, rows: int) -> None:
    whole = [Slice(shard, 3, size) for shard, size in enumerate(sizes)]
    dealt = list(interleaved(whole, side, rows))
    assert sorted(rows_of(dealt)) == sorted(rows_of(whole))
    assert all(one.rows <= rows for one in dealt)
    for at in range(len(dealt)):
        window = {one.shard for one in dealt[at:]} & {one.shard for one in dealt[: at + 1]}
        assert len(window) <= side


@given(sizes_of_shards, st.integers(1, 60), st.integers(0, 4))
def test_blocks_are_cut_alike_from_any_of_them_on(sizes: list[int], rows: int, first: int) -> None:
    whole = [Slice(shard, 0, size) for shard, size in enumerate(sizes)]
    every = list(blocks(iter(whole), rows))
    assert rows_of([one for block in every for one in block]) == rows_of(whole)
    assert all(sum(one.rows for one in block) == rows for block in every[:-1])
    assert list(blocks(iter(whole), rows, first)) == every[first:]


@pytest.mark.parametrize("numbers", [(1, 1, 0, 1), (-1, 1, 0, 1), (0, 1, 2, 2), (0, 0, 0, 1)])
def test_a_reader_that_is_none_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidName, match="from 0 to below"):
        Consumer(*numbers)
