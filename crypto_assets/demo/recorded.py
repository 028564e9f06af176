"""What the recordings beside this module hold, and what is promised of them."""

from __future__ import annotations

from pathlib import Path

from crypto_assets.model.coverage import Range
from crypto_assets.model.partition import Partition

DIRECTORY = Path(__file__).with_name("recordings")

NEXO_CAPTURES = ("nexousdt_20240724.jsonl.zst", "nexousdt_20240725.jsonl.zst")
BTC_CAPTURES = ("btcusdt_20240808.jsonl.zst", "btcusdt_20240809.jsonl.zst")
BTC_KLINES = ("BTCUSDT-1m-2024-08-08.csv.gz", "BTCUSDT-1m-2024-08-09.csv.gz")
ALL = (*NEXO_CAPTURES, *BTC_CAPTURES, *BTC_KLINES)

WHOLE_DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")
WHOLE_DAY_IDS: Range = (12_796_828, 12_809_042)
NEXO = (WHOLE_DAY.previous, WHOLE_DAY, WHOLE_DAY.next)

BTC_EVENING = Partition.of("binance", "BTCUSDT", "2024-08-08")
BTC_MORNING = BTC_EVENING.next
BTC = (BTC_EVENING, BTC_MORNING)
BTC_WHOLE_MINUTES = 10
BTC_MISSING: dict[Partition, Range] = {
    BTC_EVENING: (3_733_089_955, 3_735_683_258),
    BTC_MORNING: (3_735_703_163, 3_737_520_805),
}
"""The ids that the exchange's klines prove to lie outside of the recording, by day."""


def path(name: str) -> Path:
    """Find one of the recordings."""
    return DIRECTORY / name
