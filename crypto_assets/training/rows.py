"""Every row of a plan as batches of arrays, shuffled or as it lies, from any position on."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.training.decode import (
    INSTRUMENT,
    Array,
    Numbers,
    numeric_columns,
    read_group,
    scaled,
)
from crypto_assets.training.order import (
    Consumer,
    Slice,
    blocks,
    interleaved,
    permutation,
    share_of,
)
from crypto_assets.training.plan import Plan, Shard

Batch = dict[str, Array]
_UNSHUFFLED_ROWS = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of a plan, by the batch.

    Shuffled, shards come in an order drawn for every epoch, ``side_by_side`` of them are dealt into
    blocks of about ``shuffle_rows`` rows by turns, and the rows of a block are permuted. All of it
    follows from the seed, the epoch and who reads, so a position is a number of batches.

    Raises:
        InvalidName: a column is no number of the table, or a size is not positive.
    """

    plan: Plan
    columns: tuple[str, ...]
    """In this order; ``instrument`` is the index of a row's in ``plan.instruments``."""
    batch_rows: int = 8_192
    numbers: Numbers = "float64"
    shuffle_rows: int = 200_000
    """So many rows are permuted at once; 0 keeps them as they lie."""
    side_by_side: int = 4
    """Row groups that are held at once to mix their rows."""
    seed: int = 0
    drop_last: bool = False
    """Leave out what makes no whole batch; all consumers then have as many batches."""

    def __post_init__(self) -> None:
        numeric_columns(self.plan.table, self.columns)
        sizes = (self.batch_rows, self.side_by_side, self.shuffle_rows + 1, self.seed + 1)
        if min(sizes) < 1:
            raise InvalidName(
                f"batches of {self.batch_rows} rows, {self.shuffle_rows} shuffled, "
                f"{self.side_by_side} row groups, seed {self.seed}: expected no negative number, "
                "and batches and row groups",
            )
        if self.numbers not in ("float32", "float64", "ticks"):
            raise InvalidName(f"numbers {self.numbers!r}: expected float32, float64 or ticks")

    @property
    def contents(self) -> str:
        """A sha256 over all that the batches follow from."""
        said = [
            self.plan.contents,
            ",".join(self.columns),
            self.numbers,
            *map(
                str,
                (
                    self.batch_rows,
                    self.shuffle_rows,
                    self.side_by_side,
                    self.seed,
                    self.drop_last,
                ),
            ),
        ]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def count(self, consumer: Consumer) -> int:
        """Tell how many batches a consumer gets an epoch."""
        start, stop = consumer.share(self.plan.rows)
        if self.drop_last:
            return self.plan.rows // consumer.all // self.batch_rows
        return -(-(stop - start) // self.batch_rows)

    def batches(self, consumer: Consumer, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Give a consumer's batches of an epoch, from the n-th on.

        One block is read ahead in a thread. Every array is its owner's: it may be written to.

        Raises:
            UnreadableInput: a file cannot be read, or lacks a value that is no float.
        """
        left = self.count(consumer) - first
        if left <= 0:
            return
        a_block = self._block_rows // self.batch_rows
        number, skip = divmod(first, a_block)
        made = self._blocks(consumer, epoch, number)
        with ThreadPoolExecutor(1, "read") as ahead:
            coming = ahead.submit(next, made, None)
            while (block := coming.result()) is not None and left:
                coming = ahead.submit(next, made, None)
                rows = len(next(iter(block.values())))
                starts = range(skip * self.batch_rows, rows, self.batch_rows)
                for start in starts[:left]:
                    yield {
                        name: column[start : start + self.batch_rows]
                        for name, column in block.items()
                    }
                left -= len(starts)
                skip = 0

    @property
    def _block_rows(self) -> int:
        """How many rows are made at once: whole batches."""
        wanted = self.shuffle_rows or _UNSHUFFLED_ROWS
        return max(wanted // self.batch_rows, 1) * self.batch_rows

    def _slices(self, consumer: Consumer, epoch: int) -> Iterator[Slice]:
        shards, is_shuffled = self.plan.shards, self.shuffle_rows > 0
        sizes = [shard.rows for shard in shards]
        order = permutation(len(sizes), self.seed, epoch) if is_shuffled else np.arange(len(sizes))
        mine = share_of(sizes, order, consumer)
        if not is_shuffled:
            return iter(mine)
        return interleaved(mine, self.side_by_side, -(-self._block_rows // self.side_by_side))

    def _blocks(self, consumer: Consumer, epoch: int, first: int) -> Iterator[Batch]:
        """Read blocks of rows, from the n-th on."""
        groups = _Groups(self.plan.shards, self.columns, self.numbers, self.side_by_side)
        made = blocks(self._slices(consumer, epoch), self._block_rows, first)
        for number, slices in enumerate(made, first):
            rows = sum(one.rows for one in slices)
            order = None
            if self.shuffle_rows:
                order = permutation(rows, self.seed, epoch, consumer.index, number)
            pieces = [groups.rows(one) for one in slices]
            block: Batch = {}
            for name in self.columns:
                units = np.concatenate([piece[name] for piece in pieces])
                if order is not None:
                    units = units.take(order)
                # Scaled here and not before: a block is small enough to stay in the cache.
                kind = pl.Int64() if name == INSTRUMENT else self.plan.table.schema[name]
                block[name] = scaled(units, kind, self.numbers)
            yield block


class _Groups:
    """The row groups that were read last."""

    def __init__(
        self,
        shards: Sequence[Shard],
        columns: Sequence[str],
        numbers: Numbers,
        kept: int,
    ) -> None:
        self._shards = shards
        self._columns = columns
        self._numbers = numbers
        self._kept = kept
        self._read: OrderedDict[tuple[object, int], Batch] = OrderedDict()

    def rows(self, wanted: Slice) -> Batch:
        """Give some rows of a shard."""
        shard = self._shards[wanted.shard]
        group = self._group(shard)
        start = shard.start + wanted.start
        found = {name: column[start : start + wanted.rows] for name, column in group.items()}
        if INSTRUMENT in self._columns:
            found[INSTRUMENT] = np.full(wanted.rows, shard.instrument, np.int64)
        return found

    def _group(self, shard: Shard) -> Batch:
        key = (shard.path, shard.group_start)
        found = self._read.get(key)
        if found is None:
            while len(self._read) >= self._kept:
                self._read.popitem(last=False)
            stored = [name for name in self._columns if name != INSTRUMENT]
            rows = (shard.group_start, shard.group_rows)
            found = read_group(shard.path, *rows, stored, self._numbers)
            self._read[key] = found
        self._read.move_to_end(key)
        return found
