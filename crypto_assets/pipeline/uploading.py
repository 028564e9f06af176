"""Put sealed days into an object store, under the keys they have in the lake."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from crypto_assets.errors import CommitFailed, Refused
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.sealed import Kept, sealed_days
from crypto_assets.sinks import objects
from crypto_assets.sinks.objects import Bucket, Put, outgoing_of
from crypto_assets.sinks.sealed import Sealed

Uploaded = Put | Kept


def upload_days(
    lake: Lake,
    bucket: Bucket,
    assets: Sequence[str],
    partitions: Sequence[Partition],
    *,
    takes_unproven: bool = False,
    told: Callable[[Uploaded], None] = lambda _one: None,
) -> list[Uploaded]:
    """Have every sealed file of days, and the checksum beside it, as objects.

    Returns:
        What came of every object, and of every day that stays.

    Raises:
        StreamLost: the store cannot be reached; what was put stays.
        InvalidSettings: there are no credentials.
    """
    done: list[Uploaded] = []
    for one in sealed_days(lake, assets, partitions, takes_unproven=takes_unproven):
        for outcome in [one] if isinstance(one, Kept) else _put(bucket, one):
            done.append(outcome)
            told(outcome)
    return done


def _put(bucket: Bucket, sealed: Sealed) -> Sequence[Uploaded]:
    """Put a sealed file, then its checksum: whoever finds the checksum finds what it is of."""
    file = outgoing_of(sealed)
    sidecar = sidecar_of(sealed.path)
    checksum = dataclasses.replace(
        file,
        path=sidecar,
        key=f"{sealed.key}{sidecar.name.removeprefix(sealed.path.name)}",
        sha256=sha256_of(sidecar),
        size=sidecar.stat().st_size,
    )
    try:
        return [objects.put(bucket, one) for one in (file, checksum)]
    except (Refused, CommitFailed) as error:
        return [Kept(sealed.partition, error)]
