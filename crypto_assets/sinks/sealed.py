"""A sealed file on its way out, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed file, as it lies."""

    asset: str
    partition: Partition
    path: Path
    manifest: Manifest
    sha256: str
    condition: str
    """What the day's verdicts say of it."""

    @property
    def key(self) -> str:
        """Where it lies below the lake, and so below any prefix it is put under."""
        instrument, name = self.partition.instrument, self.path.name
        day = f"venue={instrument.venue}/symbol={instrument.symbol}/date={self.partition.date}"
        return f"{self.asset}/{day}/{name}"

    def __str__(self) -> str:
        return f"{self.asset} of {self.partition}"
