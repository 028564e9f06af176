"""Where reading stopped: an epoch and a number of batches, and of what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from crypto_assets.errors import InvalidName
from crypto_assets.training.order import Consumer
from crypto_assets.training.rows import Batch


class Source(Protocol):
    """What gives batches from any position on: :class:`Rows`, :class:`Windows`."""

    @property
    def contents(self) -> str:
        """A sha256 over all that the batches follow from."""
        ...

    def count(self, consumer: Consumer) -> int:
        """Tell how many batches a consumer gets an epoch."""
        ...

    def batches(self, consumer: Consumer, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Give a consumer's batches of an epoch, from the n-th on."""
        ...


@dataclass(frozen=True, slots=True)
class Position:
    """How far a rank has read, all its workers together.

    A loader takes one batch of each worker by turns. So the number of batches taken tells how many
    every worker gave and whose turn it is, as long as there are as many workers again.
    """

    contents: str
    rank: int
    ranks: int
    workers: int
    """At least one: without worker processes the rank itself."""
    epoch: int = 0
    batches: int = 0

    def as_dict(self) -> dict[str, object]:
        """Give it as plain values, to be saved with a model."""
        return {name: getattr(self, name) for name in self.__slots__}

    def moved(self, state: Mapping[str, object]) -> Position:
        """Go to a saved position.

        Raises:
            InvalidName: it is none, or one of other files, other settings, or other readers.
        """
        try:
            found = Position(**state)  # type: ignore[arg-type]
        except TypeError as error:
            raise InvalidName(f"position: expected a saved one, found {error}") from None
        here, there = self.as_dict(), found.as_dict()
        for name in ("contents", "rank", "ranks", "workers"):
            if here[name] != there[name]:
                raise InvalidName(
                    f"position: expected {name} {here[name]}, found {there[name]}: it is of other "
                    "files, settings or readers",
                )
        if not all(isinstance(at, int) and at >= 0 for at in (found.epoch, found.batches)):
            raise InvalidName(f"position: expected an epoch and batches from 0 on, found {there}")
        return found

    def turn(self, worker: int) -> tuple[Consumer, int]:
        """Say as whom a worker reads on, and how many batches of that one were taken before.

        Loaders begin with their first worker: it reads on as the one whose turn it is.
        """
        acted = (worker + self.batches) % self.workers
        rounds, begun = divmod(self.batches, self.workers)
        consumer = Consumer(self.rank, self.ranks, acted, self.workers)
        return consumer, rounds + (acted < begun)
