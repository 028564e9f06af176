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

    def __str__(self) -> str:
        return f"{self.asset} of {self.partition}"
