"""Whatever is killed between the recording and the warehouse, each trade arrives once."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from crypto_assets_tests.trials.proof import repeatable
from crypto_assets_tests.trials.streaming import trial


def test_killed_publishers_consumers_and_brokers_lose_and_repeat_nothing(
    tmp_path: Path,
    kills: int,
    seed: int,
) -> None:
    with repeatable(seed):
        done = trial(tmp_path / "lake", tmp_path / "nats", kills, seed)
    Console().print(f"broker: {done}")
