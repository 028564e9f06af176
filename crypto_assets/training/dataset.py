"""Batches as tensors, saved and taken up again at any of them: the only module that knows torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from crypto_assets.errors import InvalidName, NotInstalled, Terminal
from crypto_assets.training.position import Position, Source

try:
    import torch
    from torch.utils import data
except ModuleNotFoundError as error:
    raise NotInstalled(
        "crypto_assets.training.dataset: expected torch, which is not installed: install "
        "crypto-assets[training]",
    ) from error

Tensors = dict[str, torch.Tensor]
_LOADED_BY = os.getpid()


class ForkedWorker(Terminal):
    """A worker process that is a copy of its parent: the threads that read files are not in it."""


class Batches(data.IterableDataset):  # type: ignore[misc]
    """Batches of a source as tensors; one iteration is what is left of an epoch.

    The next begins with the next epoch, in an order of its own; one that was left early begins
    again where it began.

    Args:
        source: rows or windows.
        rank: which of ``ranks`` reads; each reads its own part.
        ranks: how many there are.
        workers: how many worker processes a rank's loader has; see :class:`Loader`.

    """

    def __init__(self, source: Source, *, rank: int = 0, ranks: int = 1, workers: int = 0) -> None:
        super().__init__()
        self.source = source
        self._begin = Position(source.contents, rank, ranks, max(workers, 1))
        self._now = self._begin
        self._begin.turn(0)

    def __iter__(self) -> Iterator[Tensors]:
        worker = data.get_worker_info()
        number, of = (0, 1) if worker is None else (worker.id, worker.num_workers)
        if of != self._begin.workers:
            raise InvalidName(f"workers: expected {self._begin.workers}, found {of}")
        if worker is not None and os.getpid() != _LOADED_BY:
            raise ForkedWorker("workers: expected spawned ones, found a fork; use training.Loader")
        self.begin()
        consumer, first = self._begin.turn(number)
        for batch in self.source.batches(consumer, self._begin.epoch, first):
            self.count_one()
            yield {name: torch.from_numpy(column) for name, column in batch.items()}
        self.end()

    def begin(self) -> None:
        """Go back to where the epoch, or what is left of it, begins."""
        self._now = self._begin

    def count_one(self) -> None:
        """Note that a batch was taken."""
        self._now = replace(self._now, batches=self._now.batches + 1)

    def end(self) -> None:
        """Go on to the next epoch."""
        self._begin = self._now = replace(self._begin, epoch=self._begin.epoch + 1, batches=0)

    def batches_left(self) -> int:
        """Count the batches to come in this epoch, of all workers of the rank."""
        workers = range(self._now.workers)
        turns = (self._now.turn(number) for number in workers)
        return sum(self.source.count(consumer) - first for consumer, first in turns)

    def state_dict(self) -> dict[str, object]:
        """Give the position behind the batch that was taken last, as plain values."""
        return self._now.as_dict()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go to a saved position: the next iteration gives the batches that would have come.

        Raises:
            InvalidName: the state is none, or of other files, settings or readers.
        """
        self._begin = self._now = self._begin.moved(state)


class Loader:
    """Batches that are read ahead by worker processes, in an order that does not hang on them.

    Without workers a thread reads ahead. With them it is exact as well: the workers are spawned,
    take turns, and where all of them are follows from how many batches were taken.

    Args:
        source: rows or windows.
        workers: how many processes read.
        rank: which of ``ranks`` reads; each reads its own part.
        ranks: how many there are.
        ahead: how many batches each worker reads ahead.

    """

    def __init__(
        self,
        source: Source,
        *,
        workers: int = 0,
        rank: int = 0,
        ranks: int = 1,
        ahead: int = 2,
    ) -> None:
        self._dataset = Batches(source, rank=rank, ranks=ranks, workers=workers)
        self._workers = workers
        self._ahead = ahead

    def __iter__(self) -> Iterator[Tensors]:
        if not self._workers:
            yield from self._dataset
            return
        self._dataset.begin()
        loader = data.DataLoader(
            self._dataset,
            batch_size=None,
            num_workers=self._workers,
            multiprocessing_context="spawn",
            prefetch_factor=self._ahead,
        )
        for batch in loader:
            self._dataset.count_one()
            yield batch
        self._dataset.end()

    def __len__(self) -> int:
        return self._dataset.batches_left()

    def state_dict(self) -> dict[str, object]:
        """Give the position behind the batch that was taken last, as plain values."""
        return self._dataset.state_dict()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go to a saved position: the next iteration gives the batches that would have come.

        Raises:
            InvalidName: the state is none, or of other files, settings or readers.
        """
        self._dataset.load_state_dict(state)
