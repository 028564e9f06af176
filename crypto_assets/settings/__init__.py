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

import msgspec

from crypto_assets.errors import InvalidName, InvalidSettings
from crypto_assets.model.coin import checked_coin, checked_currency
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import length_of
from crypto_assets.model.listing import listings
from crypto_assets.settings.blocks import (
    Archive,
    Healing,
    Incremental,
    Ohlcv,
    Prices,
    Recording,
    Warehouse,
)
from crypto_assets.settings.cloud import (
    BigQuery,
    Objects,
    endpoint,
    hold_loadable,
    is_loopback,
    object_url,
)
from crypto_assets.settings.stream import (
    NATS_VARIABLE,
    Stream,
    hold_usable,
    is_nats,
    without_secret,
)

__all__ = [
    "Archive",
    "BigQuery",
    "Healing",
    "Incremental",
    "Objects",
    "Ohlcv",
    "Prices",
    "Recording",
    "Settings",
    "Stream",
    "Warehouse",
    "endpoint",
    "hold_usable",
    "is_loopback",
    "load",
    "object_url",
    "without_secret",
]

FILE = "crypto-assets.toml"
FILE_VARIABLE = "CRYPTO_ASSETS_SETTINGS"
LAKE_VARIABLE = "CRYPTO_ASSETS_LAKE"
ARCHIVE_VARIABLE = "CRYPTO_ASSETS_ARCHIVE_URL"
DEMO_KEY_VARIABLE = "COINGECKO_DEMO_API_KEY"
PRO_KEY_VARIABLE = "COINGECKO_PRO_API_KEY"
MAIN = "main"
"""The collector there is where the settings name none."""
_KEY = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
_COLLECTOR = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of one of CoinGecko's plans; it shows itself nowhere."""

    is_pro: bool
    secret: str = field(repr=False)


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
    bigquery: BigQuery | None = None
    """None loads nothing into BigQuery."""
    objects: Objects = Objects()
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
    if settings.bigquery is not None:
        hold_loadable(settings.bigquery)
    if settings.objects.to is not None:
        object_url(settings.objects.to)
    endpoint("objects", settings.objects.endpoint)


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
    if not all(is_nats(url) for url in urls):
        raise InvalidSettings(f"{NATS_VARIABLE}: expected addresses such as nats://127.0.0.1:4222")
    return urls


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
