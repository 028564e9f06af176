"""A short run of what ``make brokers`` does for longer."""

from __future__ import annotations

from pathlib import Path

from crypto_assets_tests.broker import require_nats
from crypto_assets_tests.trials.streaming import trial


def test_a_few_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    require_nats()
    assert trial(tmp_path / "lake", tmp_path / "nats", 5, 7).startswith("5 kills")
