"""The doors the use cases are given: who talks to the network for them, and within which limits."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from crypto_assets.lake.lake import Lake
from crypto_assets.lake.limits import HostFile
from crypto_assets.pipeline.heal import Doors
from crypto_assets.settings import Healing
from crypto_assets.sources.archive import Archive
from crypto_assets.sources.budget import SharedBudget
from crypto_assets.sources.history import TradeHistory


def open_doors(lake: Lake, healing: Healing) -> Doors:
    """Give the doors of a lake, as its settings say where they lead."""
    archive = Archive(healing.archive_url)
    return Doors(history_of(lake, healing.http_url), archive, time.sleep, now_us)


def history_of(lake: Lake, http_url: str) -> TradeHistory:
    """Give the REST door to a host."""
    return TradeHistory(http_url, budget_of(lake, http_url))


def budget_of(lake: Lake, base_url: str) -> SharedBudget:
    """Give the one budget that every process on the lake has for a host."""
    return SharedBudget(HostFile(lake.layout.limits(urlsplit(base_url).netloc)))


def now_us() -> int:
    """Tell this machine's time, in microseconds since 1970."""
    return time.time_ns() // 1_000
