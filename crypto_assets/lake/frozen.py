"""Files of the lake under names of their own, which stay whatever becomes of the lake.

A tree is a directory of hard links, in Hive layout below one directory a kind, and costs no data.
It is built aside, renamed when it is whole, and never changed: its name is a hash of what it holds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto_assets.errors import Transient

GRACE_S = 24 * 60 * 60
"""Whoever reads a tree may go on so long after another has taken its place."""
_BUILDING = ".building"
_NAME_DIGITS = 16


class Moved(Transient):
    """A file of the lake that was replaced or removed while a tree was made of it."""


@dataclass(frozen=True, slots=True, order=True)
class Taken:
    """One file as it was found, and its name in a tree."""

    name: str
    """A relative path, such as ``alone/venue=V/symbol=S/date=D/0000-x.parquet``."""
    source: Path
    version: tuple[int, int, int]
    """Inode, size and time of change, in nanoseconds."""

    @classmethod
    def of(cls, name: str, source: Path) -> Taken:
        """Look at a file as it is now.

        Raises:
            FileNotFoundError: it is gone.
        """
        return cls(name, source, version_of(source))


def version_of(path: Path) -> tuple[int, int, int]:
    """What tells a file from one that took its name: inode, size and time of change."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of one reader, side by side in a directory on the lake's file system."""

    root: Path

    def tree(self, taken: Sequence[Taken]) -> Path:
        """Name the tree of files, whether it is there or not."""
        digest = hashlib.sha256()
        for one in sorted(taken):
            digest.update(f"{one.name}\0{one.source}\0{one.version}\n".encode())
        return self.root / digest.hexdigest()[:_NAME_DIGITS]

    def make(self, taken: Sequence[Taken]) -> Path:
        """Make the tree of files unless it is there, and give its directory.

        Only one process may do so at a time. Files are copied where there are no hard links.

        Raises:
            Moved: a file is not any more what it was when it was looked at.
        """
        target = self.tree(taken)
        if target.is_dir():
            return target
        building = self.root / _BUILDING
        shutil.rmtree(building, ignore_errors=True)
        made: set[Path] = set()
        for one in taken:
            name = building / one.name
            if name.parent not in made:
                name.parent.mkdir(parents=True, exist_ok=True)
                made.add(name.parent)
            _link(one, name)
        building.mkdir(parents=True, exist_ok=True)
        building.rename(target)
        return target

    def sweep(self, used: Iterable[Path]) -> None:
        """Remove the trees nobody has used for the grace; those in use are told to be in use."""
        kept = set(used)
        now = time.time()
        for tree in self.root.iterdir() if self.root.is_dir() else ():
            if tree in kept:
                os.utime(tree)
            elif now - tree.stat().st_mtime > GRACE_S:
                shutil.rmtree(tree, ignore_errors=True)


def _link(one: Taken, name: Path) -> None:
    try:
        try:
            os.link(one.source, name)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copy2(one.source, name)
            if version_of(one.source) != one.version:
                raise Moved(f"{one.source}: expected the file that was found") from None
            return
    except FileNotFoundError:
        raise Moved(f"{one.source}: expected the file that was found, it is gone") from None
    if version_of(name) != one.version:
        with contextlib.suppress(FileNotFoundError):
            name.unlink()
        raise Moved(f"{one.source}: expected the file that was found, found another")
