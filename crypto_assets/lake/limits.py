"""What every process on the lake knows of a host: a few bytes, and whose turn it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from crypto_assets.lake import atomic


@dataclass(frozen=True, slots=True)
class HostFile:
    """A small file that is replaced whole; the kernel lets go of its locks when a process ends."""

    directory: Path

    @property
    def path(self) -> Path:
        """Where the bytes lie."""
        return self.directory / "used.json"

    def alone(self) -> AbstractContextManager[None]:
        """Hold the bytes for this process alone."""
        return atomic.locked(self.directory)

    def turn(self) -> AbstractContextManager[None]:
        """Hold the host for this process alone."""
        return atomic.locked(self.directory / "turn")

    def read(self) -> bytes | None:
        """Read the bytes, None where there are none yet."""
        return self.path.read_bytes() if self.path.exists() else None

    def write(self, data: bytes) -> None:
        """Replace the bytes; a kill leaves the old or the new ones."""
        atomic.write_bytes(self.path, data)
