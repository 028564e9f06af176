"""Lakes built once from real recordings, and what a directory holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.lake.segments import line
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import known_partitions
from crypto_assets_tests.reported import lake_of_days

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"

Tree = dict[str, tuple[int, int, str]]


def recorded_trade(day: Partition, trade_id: int) -> bytes:
    """A collector's line of a BTCUSDT trade, matched so many seconds after midnight as its id."""
    at_us = day.start_us + trade_id * 1_000_000
    trade = {
        "e": "trade",
        "E": at_us + 900,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": "100.50000000",
        "q": "0.20000000",
        "T": at_us,
        "m": True,
        "M": True,
    }
    frame = json.dumps({"stream": "btcusdt@trade", "data": trade}, separators=(",", ":"))
    return line(at_us * 1_000 + 2_000_000, frame.encode())


@pytest.fixture(scope="session")
def spot() -> Path:
    """Recordings of the real exchange."""
    if not SHARED.is_dir():
        pytest.skip("the shared recordings are not beside the repository")
    return SHARED / "binance_spot"


def _built(root: Path, files: Iterable[Path]) -> Path:
    lake = Lake(root)
    for path in files:
        take(lake, path)
    build(lake, known_partitions(lake))
    return root


@pytest.fixture(scope="session")
def nexo_root(spot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a whole day of NEXOUSDT and its neighbours; read it, never write to it."""
    files = sorted((spot / "websocket").glob("nexousdt_*"))
    return _built(tmp_path_factory.mktemp("nexo") / "lake", files)


@pytest.fixture(scope="session")
def nexo(nexo_root: Path) -> Lake:
    return Lake(nexo_root)


@pytest.fixture
def nexo_copy(nexo_root: Path, tmp_path: Path) -> Lake:
    """A copy of the built lake that a test may damage."""
    shutil.copytree(nexo_root, tmp_path / "lake")
    return Lake(tmp_path / "lake")


@pytest.fixture(scope="session")
def btc_eth(spot: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with ten minutes of BTCUSDT and ETHUSDT across midnight, and BTCUSDT's klines."""
    files = [
        *sorted((spot / "websocket").glob("btcusdt_*")),
        *sorted((spot / "websocket").glob("ethusdt_*")),
        *sorted((spot / "klines_1m").glob("BTCUSDT-1m-2024-08-0*")),
    ]
    return Lake(_built(tmp_path_factory.mktemp("btc") / "lake", files))


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of small days of every kind; read it, never write to it but for its reports."""
    return lake_of_days(tmp_path_factory.mktemp("kinds"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def day() -> Partition:
    return Partition.of("binance", "NEXOUSDT", "2024-07-24")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Excerpts of real recordings that are part of the repository."""
    return RECORDINGS


@pytest.fixture(scope="session")
def contents(tree: Callable[[Path], Tree]) -> Callable[[Path], dict[str, str]]:
    """Describe every file of a directory by its bytes alone."""
    return lambda root: {name: found[2] for name, found in tree(root).items()}
