"""What every folder of tests may use."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Nobody's archive is asked but a test's own, in this process and in those it starts.
os.environ["CRYPTO_ASSETS_ARCHIVE_URL"] = ""

# A machine that is busy makes no test wrong.
settings.register_profile("crypto_assets", deadline=None)
settings.load_profile("crypto_assets")

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


@pytest.fixture(scope="session")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of three joined days of BTCUSDT: the middle one is proven; never write to it."""
    from crypto_assets.lake.lake import Lake
    from crypto_assets.pipeline.build import build
    from crypto_assets.pipeline.ingest import take
    from crypto_assets_tests.defs.conftest import DAYS, archive, partition

    directory = tmp_path_factory.mktemp("three_days")
    lake = Lake(directory / "lake")
    for date in DAYS:
        take(lake, archive(directory, date))
    build(lake, [partition(date) for date in DAYS])
    return lake.layout.root


@pytest.fixture
def three_days_copy(three_days: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(three_days, tmp_path / "lake")
