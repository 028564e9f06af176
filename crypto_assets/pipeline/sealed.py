"""Sealed days that may leave the lake: found, hashed again, held against what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto_assets.errors import (
    ChecksumMismatch,
    CryptoAssetsError,
    NothingStored,
    Terminal,
    UnreadableInput,
)
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import views
from crypto_assets.pipeline.proof import prove
from crypto_assets.sinks.sealed import Sealed

EMPTY = (Condition.NOT_LISTED, Condition.HALTED)
"""What is known of a day on which there is nothing to send, and nothing wrong."""
_NOT_OF_EVERY_DAY = ("daily_quotes",)
"""Archive files have no quotes: days made of them lack this, and no fault is in it."""


class Unproven(Terminal):
    """A day whose verdict keeps it from leaving the lake."""


class NothingToSend(NothingStored):
    """A day without a trade, as it has to be."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A day that stays in the lake, and why."""

    partition: Partition
    error: CryptoAssetsError
    is_fault: bool = True
    """False where there is nothing to send: the symbol did not exist yet, or was halted."""

    def __str__(self) -> str:
        return str(self.error)


def sealed_days(
    lake: Lake,
    assets: Sequence[str],
    partitions: Sequence[Partition],
    *,
    takes_unproven: bool,
) -> Iterator[Sealed | Kept]:
    """Find the sealed files of days; of a day that may not leave, give the reason instead.

    A day may leave when it is proven complete and every file of it has the bytes its checksum
    says; with ``takes_unproven`` any sealed day may.
    """
    for partition in partitions:
        try:
            yield from list(_of_day(lake, assets, partition, takes_unproven=takes_unproven))
        except (Unproven, NothingStored, UnreadableInput, ChecksumMismatch) as error:
            empty = isinstance(error, NothingToSend)
            yield Kept(partition, error, is_fault=not empty)


def _of_day(
    lake: Lake,
    assets: Sequence[str],
    partition: Partition,
    *,
    takes_unproven: bool,
) -> Iterator[Sealed]:
    proof = prove(lake, "trades", partition, views.day(lake, "trades", partition))
    condition = proof.condition
    if condition in EMPTY:
        raise NothingToSend(f"{partition}: {condition}, nothing is to be sent of it")
    if not proof.is_complete and not takes_unproven:
        raise Unproven(f"expected a day that is proven complete, found {proof}")
    for asset in assets:
        manifest = lake.manifest(asset, partition)
        if manifest is not None:
            path = lake.layout.file(asset, partition)
            yield Sealed(asset, partition, path, manifest, _sha256(path), condition.value)
        elif asset not in _NOT_OF_EVERY_DAY:
            raise NothingStored(f"{asset} of {partition}: nothing is sealed, build it first")


def _sha256(path: Path) -> str:
    expected, found = read_sidecar(path), sha256_of(path)
    if found != expected:
        raise ChecksumMismatch(f"{path}: expected sha256 {expected}, found {found}")
    return found
