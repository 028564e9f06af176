"""The partitions of one run on their way from an asset to its IO manager."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from crypto_assets.defs.partitions import key_of
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.build import give_up, make, prepare
from crypto_assets.pipeline.published import Archive, Found, Outcome
from crypto_assets.pipeline.steps import Made

Frames = Mapping[Partition, pl.LazyFrame]
"""What an IO manager hands an asset of one upstream: a frame for each partition stored."""

Watch = Callable[[str, Partition], None]
"""Told an asset and a partition of it that was made or has failed."""

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Have every batch of this thread tell of its partitions while the block runs."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


class Stores(Protocol):
    """Partitions of an asset that an IO manager makes final one by one."""

    lake: Lake
    asset: str
    partitions: list[Partition]
    failed: dict[Partition, CryptoAssetsError]

    def store(self) -> Iterator[tuple[Partition, list[Committed]]]:
        """Make and store the partitions; give those that worked, keep why others did not."""
        ...

    def key(self, partition: Partition) -> str:
        """Write a partition as Dagster's key."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Tell, once they are stored, what else came of them."""
        ...

    @property
    def is_fault(self) -> bool:
        """Whether one of the partitions that failed should have been made."""
        ...


@dataclass(slots=True)
class Batch:
    """Partitions of one asset, each made when the IO manager comes to it.

    One that cannot be made fails alone: its reason becomes a verdict, the others go on.
    """

    lake: Lake
    asset: str
    partitions: list[Partition]
    upstream: Mapping[str, Frames]
    archive: Archive | None = None
    """Where published files come from."""
    outcomes: list[Outcome] = field(default_factory=list)
    """What came of the published files of each partition."""
    stored: dict[Partition, list[Committed]] = field(default_factory=dict)
    failed: dict[Partition, CryptoAssetsError] = field(default_factory=dict)

    def store(self) -> Iterator[tuple[Partition, list[Committed]]]:
        """Make and store one partition after the other; give those that worked."""
        is_prepared = self._may_prepare()
        for partition in self.partitions:
            try:
                if not is_prepared:
                    self._prepare([partition])
                with self.lake.building(self.asset, partition):
                    committed = [self._store(partition, made) for made in self._make(partition)]
            except CryptoAssetsError as error:
                self.failed[partition] = error
                give_up(self.lake, self.asset, partition, error)
            else:
                self.stored[partition] = committed
                yield partition, committed
            watch = _watch.get()
            if watch is not None:
                watch(self.asset, partition)

    def key(self, partition: Partition) -> str:
        """Write a partition as Dagster's key."""
        return key_of(partition)

    @property
    def notes(self) -> list[str]:
        """Tell what came of the published files that were not here already."""
        return [
            f"{one.file} of {one.day}: {one.why or one.found.value}"
            for one in self.outcomes
            if one.found is not Found.HELD
        ]

    @property
    def is_fault(self) -> bool:
        """Whether one of the partitions that failed should have been made.

        A day that is not published yet, was a halt or came before the symbol was listed has
        nothing to make, and no fault.
        """
        known = [verdicts.read(self.lake, partition) for partition in self.failed]
        return any(one is None or one.condition.is_fault for one in known)

    def _may_prepare(self) -> bool:
        """Prepare all partitions at once; where that fails each of them is to try alone."""
        try:
            self._prepare(self.partitions)
        except CryptoAssetsError:
            return False
        return True

    def _prepare(self, partitions: list[Partition]) -> None:
        self.outcomes += prepare(self.lake, self.asset, partitions, self.archive)

    def _make(self, partition: Partition) -> list[Made]:
        frames = {
            name: found[partition] for name, found in self.upstream.items() if partition in found
        }
        return make(self.lake, self.asset, partition, frames)

    def _store(self, partition: Partition, made: Made) -> Committed:
        return self.lake.store(self.asset, partition, made)
