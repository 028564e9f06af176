"""Made-up and recorded markets."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.exchange import Market, random_market
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.venues import venue

DEMO = Path(__file__).resolve().parents[2] / "crypto_assets" / "demo" / "recordings"
MIDNIGHT_US = 1_735_776_000_000_000
"""2025-01-02, so that the day before it is one whose archive has microseconds."""


@pytest.fixture(scope="session")
def market() -> Market:
    """Two symbols, 1,500 trades each, 15 seconds on both sides of midnight."""
    return random_market(["BTCUSDT", "ETHUSDT"], MIDNIGHT_US - 15_000_000, 30, 50, seed=7)


@pytest.fixture(scope="session")
def recorded() -> Market:
    """Eleven real minutes of BTCUSDT around midnight."""
    found = []
    for path in sorted(DEMO.glob("btcusdt_*.jsonl.zst")):
        for block in blocks(path):
            assert isinstance(block, Block)
            found.append(venue("binance").decode_frames(block.data, block.first_line, last=False))
    return Market.recorded(found)
