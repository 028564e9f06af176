"""The doors the use cases are given: who talks to the network for them, and within which limits."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from crypto_assets import settings
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.limits import HostFile
from crypto_assets.pipeline.heal import Doors
from crypto_assets.pipeline.published import Archive
from crypto_assets.settings import Healing
from crypto_assets.sources import archive
from crypto_assets.sources.budget import SharedBudget
from crypto_assets.sources.history import TradeHistory


def open_doors(lake: Lake, healing: Healing, files: settings.Archive) -> Doors:
    """Give the doors of a lake, as its settings say where they lead."""
    return Doors(history_of(lake, healing.http_url), archive_of(lake, files), time.sleep, now_us)


def archive_of(lake: Lake, files: settings.Archive) -> Archive | None:
    """Give the door to the published files, None where nobody is to be asked."""
    if not files.url:
        return None
    host = archive.Archive(files.url, files.listing_url, budget_of(lake, files.url))
    return Archive(
        host=host,
        now_us=now_us,
        at_once=files.at_once,
        monthly_up_to=files.monthly_up_to_mb << 20,
    )


def history_of(lake: Lake, http_url: str) -> TradeHistory:
    """Give the REST door to a host."""
    return TradeHistory(http_url, budget_of(lake, http_url))


def budget_of(lake: Lake, base_url: str) -> SharedBudget:
    """Give the one budget that every process on the lake has for a host."""
    return SharedBudget(HostFile(lake.layout.limits(urlsplit(base_url).netloc)))


def now_us() -> int:
    """Tell this machine's time, in microseconds since 1970."""
    return time.time_ns() // 1_000
