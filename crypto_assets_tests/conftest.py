"""What every folder of tests may use."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No test is timed: a busy machine is no fault.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Nobody's archive is asked but a test's own, in this process and in those it starts.
os.environ["CRYPTO_ASSETS_ARCHIVE_URL"] = ""

Tree = dict[str, tuple[int, int, str]]


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], Tree]:
    """Describe every file of a directory: when it was written, its inode and its bytes."""

    def describe(root: Path) -> Tree:
        return {
            str(path.relative_to(root)): (
                path.stat().st_mtime_ns,
                path.stat().st_ino,
                hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    return describe
