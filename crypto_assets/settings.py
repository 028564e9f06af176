"""The only reader of the environment and of the settings file.

``crypto-assets.toml`` is looked for in the working directory, or where
``CRYPTO_ASSETS_SETTINGS`` points; every value in it has a default. ``CRYPTO_ASSETS_LAKE`` and
``CRYPTO_ASSETS_ARCHIVE_URL`` win over the file, ``CRYPTO_ASSETS_NATS_URL`` over its address of
the broker: that one may hold a secret, and is read where it is used. Keys are read from the
environment only.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from crypto_assets.errors import InvalidName, InvalidSettings
from crypto_assets.model.coin import checked_coin, checked_currency
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import length_of
from crypto_assets.model.listing import listings
from crypto_assets.model.message import stream_name

FILE = "crypto-assets.toml"
FILE_VARIABLE = "CRYPTO_ASSETS_SETTINGS"
LAKE_VARIABLE = "CRYPTO_ASSETS_LAKE"
ARCHIVE_VARIABLE = "CRYPTO_ASSETS_ARCHIVE_URL"
DEMO_KEY_VARIABLE = "COINGECKO_DEMO_API_KEY"
PRO_KEY_VARIABLE = "COINGECKO_PRO_API_KEY"
NATS_VARIABLE = "CRYPTO_ASSETS_NATS_URL"
_NATS_SCHEMES = ("nats", "tls", "ws", "wss")
MAIN = "main"
"""The collector there is where the settings name none."""
_KEY = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
_COLLECTOR = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


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


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of one of CoinGecko's plans; it shows itself nowhere."""

    is_pro: bool
    secret: str = field(repr=False)


class Stream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Through which broker recorded trades go, and where they are written."""

    broker: Literal["nats", "pubsub"] = "nats"
    name: str = "trades"
    """Of the stream or topic, and what NATS subjects begin with: ``trades.binance.BTCUSDT``."""
    url: str = "nats://127.0.0.1:4222"
    """Of NATS; several servers of a cluster with commas between. No secret may be in it."""
    credentials: str | None = None
    """A file of NATS credentials; a relative one is below the settings file's directory."""
    replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    """On so many servers of a NATS cluster each message is kept."""
    max_mb: Annotated[int, msgspec.Meta(ge=1)] = 1024
    """So much waits in NATS at most; then publishing waits."""
    duplicate_seconds: Annotated[float, msgspec.Meta(gt=0)] = 120
    """So long NATS remembers ids and drops repeats by itself."""
    project: str | None = None
    """The Google project of a Pub/Sub topic."""
    warehouse: Literal["duckdb", "bigquery"] = "duckdb"
    """Where the table ``trade_stream`` is."""
    batch_rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10_000
    """So many messages are written at once at most ..."""
    batch_seconds: Annotated[float, msgspec.Meta(gt=0, le=20)] = 1.0
    """... and what came in so long at the latest."""
    redeliver_seconds: Annotated[int, msgspec.Meta(ge=2, le=600)] = 30
    """What a consumer took and did not acknowledge for so long comes again; more than a batch
    takes to be written. Pub/Sub knows none below 10."""

    @property
    def destination(self) -> str:
        """What the broker is called where it is noted what was published to it."""
        named = self.name if self.broker == "nats" else f"{self.project}.{self.name}"
        return f"{self.broker}.{named}"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set."""

    lake: str = "lake"
    """The directory of market data; a relative one is below the settings file's directory."""
    venue: str = "binance"
    """The exchange whose recordings are imported where a command names none."""
    symbols: tuple[str, ...] = ()
    """Symbols that are partitions from the start; imported ones are added by themselves."""
    first_date: str = "2020-01-01"
    """The first day that is a partition, ``YYYY-MM-DD``."""
    archive: Archive = Archive()
    healing: Healing = Healing()
    incremental: Incremental = Incremental()
    ohlcv: Ohlcv = Ohlcv()
    warehouse: Warehouse = Warehouse()
    prices: Prices = Prices()
    stream: Stream | None = None
    """None where nothing is streamed."""
    collectors: dict[str, Recording] | None = None
    """What is recorded live, by the collector's name; see :meth:`recordings`."""

    def recordings(self) -> dict[str, Recording]:
        """Say what is to be recorded, by the collector's name.

        Where the settings name no collector, there is one of all their symbols.

        Raises:
            InvalidName: a name or a symbol is none.
            InvalidSettings: a collector has no symbol.
        """
        named = self.collectors
        if named is None:
            named = {MAIN: Recording()} if self.symbols else {}
        return {
            collector_name(name): self._of_symbols(name, recording)
            for name, recording in named.items()
        }

    @property
    def named(self) -> tuple[str, ...]:
        """Every symbol the settings name anywhere, each once."""
        recorded = (one for each in (self.collectors or {}).values() for one in each.symbols)
        return tuple(dict.fromkeys((*self.symbols, *self.incremental.symbols, *recorded)))

    def _of_symbols(self, name: str, recording: Recording) -> Recording:
        symbols = recording.symbols or self.symbols
        if not symbols:
            raise InvalidSettings(
                f"collector {name!r}: expected symbols, found none with it nor at the top",
            )
        for symbol in symbols:
            Instrument(recording.venue or self.venue, symbol)
        return msgspec.structs.replace(recording, symbols=symbols)


def collector_name(name: str) -> str:
    """Hold a collector's name against what may reach the disk and a service's name.

    Raises:
        InvalidName: it is none.
    """
    if not _COLLECTOR.fullmatch(name):
        raise InvalidName(
            f"collector name {name!r}: expected up to 40 of a-z, 0-9, - and _, such as main",
        )
    return name


def load() -> Settings:
    """Read the settings, the lake as an absolute path.

    Raises:
        InvalidSettings: the file is not TOML, or holds a name or value that is not known.
        InvalidName: a symbol, an interval or the name of a collector is none.
    """
    path = Path(os.environ.get(FILE_VARIABLE, FILE)).absolute()
    settings = _read(path) if path.exists() or FILE_VARIABLE in os.environ else Settings()
    _check(settings)
    lake = Path(os.environ.get(LAKE_VARIABLE, settings.lake)).expanduser()
    base = Path.cwd() if LAKE_VARIABLE in os.environ else path.parent
    if (url := os.environ.get(ARCHIVE_VARIABLE)) is not None:
        settings = msgspec.structs.replace(settings, archive=settings.archive.at(url))
    return msgspec.structs.replace(_placed(settings, path.parent), lake=str(base / lake))


def _check(settings: Settings) -> None:
    """Hold every name against what may reach the disk, SQL or a host."""
    for symbol in (*settings.symbols, *settings.incremental.symbols):
        Instrument(settings.venue, symbol)
    settings.recordings()
    listings(settings.ohlcv.instruments)
    for interval in settings.ohlcv.intervals:
        length_of(interval)
    for symbol in settings.warehouse.tables:
        Instrument.parse(symbol, settings.venue)
    for coin in settings.prices.coins:
        checked_coin(coin)
    for currency in settings.prices.currencies:
        checked_currency(currency)
    if settings.stream is not None:
        hold_usable(settings.stream)


def _placed(settings: Settings, directory: Path) -> Settings:
    """Give files that are named relatively their place below the settings file's directory."""

    def placed(file: str) -> str:
        return str(directory / Path(file).expanduser()) if file else file

    replace = msgspec.structs.replace
    warehouse, prices, stream = settings.warehouse, settings.prices, settings.stream
    if stream is not None and stream.credentials is not None:
        stream = replace(stream, credentials=placed(stream.credentials))
    if prices.csv is not None:
        prices = replace(prices, csv=placed(prices.csv))
    warehouse = replace(warehouse, path=placed(warehouse.path))
    return replace(settings, warehouse=warehouse, prices=prices, stream=stream)


def coingecko_key() -> ApiKey | None:
    """Read CoinGecko's key from the environment, the paid plan's first; None without one.

    Raises:
        InvalidSettings: it is no such key; the message does not show it.
    """
    for variable, is_pro in ((PRO_KEY_VARIABLE, True), (DEMO_KEY_VARIABLE, False)):
        secret = os.environ.get(variable, "").strip()
        if secret and not _KEY.fullmatch(secret):
            raise InvalidSettings(f"{variable}: expected letters, digits, - and _")
        if secret:
            return ApiKey(is_pro, secret)
    return None


def nats_urls(stream: Stream) -> list[str]:
    """Give the addresses of NATS: the environment's, else the settings'; never show them.

    Raises:
        InvalidSettings: one of them is none.
    """
    given = os.environ.get(NATS_VARIABLE)
    if given is None:
        return stream.url.split(",")
    urls = given.split(",")
    if not all(_is_nats(url) for url in urls):
        raise InvalidSettings(f"{NATS_VARIABLE}: expected addresses such as nats://127.0.0.1:4222")
    return urls


def without_secret(url: str) -> str:
    """Give host and port of an address, and nothing else of it."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_nats(url: str) -> bool:
    found = urlsplit(url)
    return found.scheme in _NATS_SCHEMES and bool(found.netloc.rpartition("@")[2])


def hold_usable(stream: Stream) -> None:
    """Hold what is streamed, and through what, against what can be used.

    Raises:
        InvalidName: the stream's name is none.
        InvalidSettings: an address is none or holds a secret, or Pub/Sub lacks its project.
    """
    stream_name(stream.name)
    for url in stream.url.split(","):
        if "@" in url:
            raise InvalidSettings(
                f"[stream] url: expected no user, password or token in the file, found one; put "
                f"the address into {NATS_VARIABLE}",
            )
        if not _is_nats(url):
            raise InvalidSettings(
                f"[stream] url {url!r}: expected an address such as nats://127.0.0.1:4222",
            )
    if stream.broker == "pubsub" and stream.project is None:
        raise InvalidSettings("[stream] broker = 'pubsub': expected a project, found none")


def environment() -> dict[str, str]:
    """A copy of this process's environment, for a program started from it."""
    return dict(os.environ)


def dagster_home() -> Path | None:
    """Where DAGSTER_HOME points, None where it is not set."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home).expanduser() if home else None


def _read(path: Path) -> Settings:
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Settings)
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"{path}: expected settings, found {error}") from error
