"""In which order rows are read: a pure function of a seed, so that any position can be found again.

Nothing of it depends on what was read before, nor on a library's version: only the raw output of a
bit generator is used, which NumPy keeps the same from release to release.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_assets.errors import InvalidName

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads: one worker of one rank.

    Raises:
        InvalidName: a number is not below the one it is counted up to.
    """

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.ranks and 0 <= self.worker < self.workers):
            raise InvalidName(
                f"rank {self.rank} of {self.ranks}, worker {self.worker} of {self.workers}: "
                "expected each from 0 to below the number of them",
            )

    @property
    def index(self) -> int:
        """Its place among all workers of all ranks."""
        return self.rank * self.workers + self.worker

    @property
    def all(self) -> int:
        """How many workers all ranks have."""
        return self.ranks * self.workers

    def share(self, count: int) -> tuple[int, int]:
        """Give its part of so many things: from the first to before the last.

        The parts of all consumers are disjoint, are everything, and differ by one at most, the
        earlier ones being the larger.
        """
        each, more = divmod(count, self.all)
        start = self.index * each + min(self.index, more)
        return start, start + each + (self.index < more)


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows side by side of one shard."""

    shard: int
    start: int
    rows: int

    def cut(self, start: int, stop: int) -> Slice:
        """Give some of its rows, counted from its own first."""
        return Slice(self.shard, self.start + start, stop - start)


def permutation(count: int, *key: int) -> Ints:
    """Permute ``0 .. count - 1``, the same for the same key of numbers that are not negative."""
    bits = max(count - 1, 1).bit_length()
    chance = np.random.PCG64(np.random.SeedSequence(key)).random_raw(count)
    low = np.uint64(bits)
    drawn = (chance >> low << low) | np.arange(count, dtype=np.uint64)
    drawn.sort()
    return (drawn & np.uint64((1 << bits) - 1)).astype(np.int64)


def share_of(sizes: Sequence[int], order: Ints, consumer: Consumer) -> list[Slice]:
    """Give a consumer its part of the rows of shards that are read in an order.

    All parts differ by one row at most: a shard is cut where two of them meet.
    """
    start, stop = consumer.share(sum(sizes))
    found: list[Slice] = []
    at = 0
    for shard in order.tolist():
        low, high = max(start, at), min(stop, at + sizes[shard])
        if low < high:
            found.append(Slice(shard, low - at, high - low))
        at += sizes[shard]
    return found


def interleaved(slices: Sequence[Slice], side_by_side: int, rows: int) -> Iterator[Slice]:
    """Deal rows of so many slices by turns, so many of one at a time, each row once."""
    waiting = deque(slices)
    open_: deque[Slice] = deque()
    while waiting or open_:
        while waiting and len(open_) < side_by_side:
            open_.append(waiting.popleft())
        one = open_.popleft()
        taken = min(rows, one.rows)
        yield one.cut(0, taken)
        if taken < one.rows:
            open_.append(one.cut(taken, one.rows))


def blocks(slices: Iterator[Slice], rows: int, first: int = 0) -> Iterator[list[Slice]]:
    """Cut slices into blocks of so many rows, the last of what is left, from the n-th block on."""
    block: list[Slice] = []
    room, skip = rows, first * rows
    for one in slices:
        at = min(skip, one.rows)
        skip -= at
        while at < one.rows:
            taken = min(room, one.rows - at)
            block.append(one.cut(at, at + taken))
            at += taken
            room -= taken
            if room == 0:
                yield block
                block, room = [], rows
    if block:
        yield block
