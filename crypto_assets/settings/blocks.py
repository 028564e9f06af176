"""What can be set of recording, fetching and keeping, block by block."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class Recording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one collector records, and who keeps it alive."""

    venue: str | None = None
    """Another exchange than that of the settings."""
    symbols: tuple[str, ...] = ()
    """By default those of the settings."""
    streams: tuple[str, ...] = ("trade", "bookTicker")
    ws_url: str | None = None
    """Another address than the venue's own of market data."""
    http_url: str | None = None
    roll_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30
    """How long a segment grows; what is in it is in SQL soon after."""
    kept_by: Literal["sensor", "service"] = "sensor"
    """Who starts it, and starts it again: Dagster's sensor, or a service manager."""


class Healing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where missing trades are asked for."""

    http_url: str = "https://api.binance.com"
    """A host that serves trades by id, which the market-data-only one does not."""
    most_ids: int = 1_000_000
    """Days that lack more are not healed by themselves: whole days come from the archive."""


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where published files come from, and how many of them at once."""

    urls: dict[str, str] = msgspec.field(
        default_factory=lambda: {
            "binance": "https://data.binance.vision",
            "bybit": "https://public.bybit.com",
        },
    )
    """The host of the files by venue; a venue without one is not asked, so that only what is
    imported of it is built."""
    listing_urls: dict[str, str] = msgspec.field(
        default_factory=lambda: {
            "binance": "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision",
        },
    )
    """Where the bucket behind a host is listed, if not at the host itself."""
    at_once: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4
    """So many files are downloaded side by side."""
    monthly_up_to_mb: Annotated[int, msgspec.Meta(ge=0)] = 32
    """A month's file of at most so many megabytes is taken where the whole month is wanted."""
    recheck_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 7
    """The checksums of so many past days are read again and again by the sensor."""

    def at(self, url: str) -> Archive:
        """Give the same with every venue's files at one host; empty asks nobody."""
        urls = dict.fromkeys(self.urls, url) if url else {}
        return msgspec.structs.replace(self, urls=urls, listing_urls={})


class Incremental(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose new trades are fetched every five minutes, from the host that heals."""

    symbols: tuple[str, ...] = ()
    most_ids: int = 5_000_000
    """Where more are new the archive's daily files are to be imported first."""


class Ohlcv(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bars that are fetched from any exchange ccxt speaks to."""

    instruments: tuple[str, ...] = ()
    """Exchange and unified symbol, such as ``bybit:BTC/USDT:USDT``: partitions from the start."""
    intervals: tuple[str, ...] = ("1m",)
    """Any that the exchange has and that divide a day."""
    urls: dict[str, str] = {}
    """Where an exchange is, by its name in ccxt, instead of its own hosts."""
    at_once: Annotated[int, msgspec.Meta(ge=1)] = 8
    """How many days of one exchange are fetched together; its rate limiter has the last word."""


class Warehouse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The DuckDB file over the lake, and which symbols have a table of their own in it."""

    path: str = ""
    """Where it lies; a relative path is below the settings file's directory. By default
    ``warehouse/warehouse.duckdb`` in the lake."""
    tables: tuple[str, ...] = ()
    """Symbols such as ``BTCUSDT``, or ``bybit:BTCUSDT`` of another exchange than the settings'."""


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What coins CoinGecko is asked the prices of."""

    coins: tuple[str, ...] = ("bitcoin", "ethereum")
    """Its own ids."""
    currencies: tuple[str, ...] = ("usd",)
    http_url: str | None = None
    """Another address than that of the plan the key is of."""
    csv: str | None = None
    """A file that every new price is appended to as well, below the settings file's directory."""
