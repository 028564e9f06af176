"""The doors to exchanges and to CoinGecko: who asks them, and within which limits."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from crypto_assets import settings
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.limits import HostFile
from crypto_assets.pipeline.heal import Doors
from crypto_assets.pipeline.published import Archive
from crypto_assets.settings import Healing
from crypto_assets.sources import archive, coingecko
from crypto_assets.sources.binance import BINANCE
from crypto_assets.sources.budget import SharedBudget
from crypto_assets.sources.coingecko import CoinGecko
from crypto_assets.sources.history import TradeHistory

_PUBLIC_CALLS, _DEMO_CALLS, _PRO_CALLS = 5, 30, 500
"""Calls a minute of CoinGecko's plans; without a key they are 5 to 15, as it is busy."""


def open_doors(lake: Lake, healing: Healing, files: settings.Archive) -> Doors:
    """Give the doors of a lake, as its settings say where they lead."""
    published = archive_of(lake, files, healing)
    return Doors(history_of(lake, healing.http_url), published, time.sleep, now_us)


def archive_of(lake: Lake, files: settings.Archive, healing: Healing) -> Archive | None:
    """Give the door to what is published, None where nobody is to be asked."""
    if not files.urls:
        return None
    rest = {BINANCE.name: history_of(lake, healing.http_url)} if BINANCE.name in files.urls else {}
    return Archive(
        hosts={
            venue: archive.Archive(url, files.listing_urls.get(venue), budget_of(lake, url))
            for venue, url in files.urls.items()
        },
        rest=rest,
        now_us=now_us,
        at_once=files.at_once,
        monthly_up_to=files.monthly_up_to_mb << 20,
    )


def history_of(lake: Lake, http_url: str) -> TradeHistory:
    """Give the REST door to a host."""
    return TradeHistory(http_url, budget_of(lake, http_url))


def prices_of(lake: Lake, http_url: str | None, key: settings.ApiKey | None) -> CoinGecko:
    """Give the door to CoinGecko, of the plan its key is of.

    Raises:
        InvalidSettings: the address is not one a key may be sent to.
    """
    is_pro = key is not None and key.is_pro
    url = http_url or (coingecko.PRO_URL if is_pro else coingecko.PUBLIC_URL)
    calls = _PRO_CALLS if is_pro else _DEMO_CALLS if key else _PUBLIC_CALLS
    budget = SharedBudget(HostFile(lake.layout.limits(urlsplit(url).netloc)), calls, share=1)
    if key is None:
        return CoinGecko(url, budget=budget)
    header = "x-cg-pro-api-key" if is_pro else "x-cg-demo-api-key"
    return CoinGecko(url, coingecko.Key(header, key.secret), budget)


def budget_of(lake: Lake, base_url: str) -> SharedBudget:
    """Give the one budget that every process on the lake has for a host."""
    return SharedBudget(HostFile(lake.layout.limits(urlsplit(base_url).netloc)))


def now_us() -> int:
    """Tell this machine's time, in microseconds since 1970."""
    return time.time_ns() // 1_000
