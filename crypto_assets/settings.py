"""The only reader of the environment and of the settings file.

``crypto-assets.toml`` is looked for in the working directory, or where
``CRYPTO_ASSETS_SETTINGS`` points; every value in it has a default. ``CRYPTO_ASSETS_LAKE`` and
``CRYPTO_ASSETS_ARCHIVE_URL`` win over the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from crypto_assets.errors import InvalidName, InvalidSettings
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import length_of
from crypto_assets.model.listing import listings

FILE = "crypto-assets.toml"
FILE_VARIABLE = "CRYPTO_ASSETS_SETTINGS"
LAKE_VARIABLE = "CRYPTO_ASSETS_LAKE"
ARCHIVE_VARIABLE = "CRYPTO_ASSETS_ARCHIVE_URL"
MAIN = "main"
"""The collector there is where the settings name none."""
_COLLECTOR = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{2,61}[a-z0-9]")
_DATASET = re.compile(r"\w{1,1024}", re.ASCII)
_LOCATION = re.compile(r"[A-Za-z0-9-]{1,63}")
_OBJECTS = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](?:/[\w.=+-]+)*/?")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


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


class BigQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which BigQuery dataset sealed days are loaded into.

    Credentials are not set here: Google's libraries find them in the environment.
    """

    project: str
    dataset: str = "crypto_assets"
    location: str | None = None
    """Where the dataset lies, such as ``EU``; by default where BigQuery makes one."""
    layout: Literal["one_table", "table_per_symbol"] = "one_table"
    """``trades`` of every symbol, or ``trades_btcusdt`` and so on."""
    assets: tuple[Literal["daily_trades", "daily_bars", "daily_quotes"], ...] = (
        "daily_trades",
        "daily_bars",
    )
    takes_unproven: bool = False
    """Whether days are loaded whose verdict is not complete or confirmed."""
    bucket: str | None = None
    """``gs://bucket/prefix`` files are put to first and loaded from; by default they are sent."""
    endpoint: str | None = None
    """Another address than Google's. A loopback one is an emulator's and asked anonymously."""
    grpc_endpoint: str | None = None
    """``host:port`` of the emulator's Storage Write API."""

    @property
    def is_emulator(self) -> bool:
        """Whether the endpoint is on this machine: the only one that is asked anonymously."""
        return self.endpoint is not None and is_loopback(self.endpoint)


class Objects(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which object store sealed days are put to.

    Credentials are not set here: the libraries of S3 and GCS find them in the environment.
    """

    to: str | None = None
    """``s3://bucket/prefix`` or ``gs://bucket/prefix``; the lake's keys are below it."""
    assets: tuple[Literal["daily_trades", "daily_bars", "daily_quotes"], ...] = (
        "daily_trades",
        "daily_bars",
        "daily_quotes",
    )
    takes_unproven: bool = False
    """Whether days are put whose verdict is not complete or confirmed."""
    endpoint: str | None = None
    """Another address than Amazon's or Google's, such as that of MinIO."""


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


def is_loopback(url: str) -> bool:
    """Whether a URL, or a ``host:port``, leads to this machine."""
    return urlsplit(url if "://" in url else f"//{url}").hostname in _LOOPBACK


def object_url(text: str) -> str:
    """Hold the address of a bucket, or of a prefix in one, against what may be written to.

    Raises:
        InvalidName: it is none of ``s3://bucket/prefix`` and ``gs://bucket/prefix``.
    """
    if not _OBJECTS.fullmatch(text) or "/../" in f"{text}/" or "/./" in f"{text}/":
        raise InvalidName(f"{text!r}: expected s3://bucket/prefix or gs://bucket/prefix")
    return text.rstrip("/")


def endpoint(block: str, url: str | None) -> str | None:
    """Hold an address against what credentials may be sent to.

    Raises:
        InvalidSettings: it is neither https nor on this machine.
    """
    if url is None:
        return None
    found = urlsplit(url)
    is_safe = found.scheme == "https" or (found.scheme == "http" and is_loopback(url))
    if not is_safe or not found.hostname or found.username or found.password:
        raise InvalidSettings(
            f"[{block}] endpoint: expected https://..., or http:// on this machine, without "
            f"credentials, found {found.scheme}://{found.hostname}",
        )
    return url


def _check_bigquery(found: BigQuery) -> None:
    """Hold what ends in SQL and URLs against what BigQuery allows.

    Raises:
        InvalidSettings: the project, dataset, location or an endpoint is none.
        InvalidName: the bucket is none.
    """
    for what, value, pattern in (
        ("project", found.project, _PROJECT),
        ("dataset", found.dataset, _DATASET),
        ("location", found.location or "EU", _LOCATION),
    ):
        if not pattern.fullmatch(value):
            raise InvalidSettings(f"[bigquery] {what}: expected {pattern.pattern}, found {value!r}")
    endpoint("bigquery", found.endpoint)
    if found.grpc_endpoint is not None and not is_loopback(found.grpc_endpoint):
        raise InvalidSettings("[bigquery] grpc_endpoint: expected an emulator's on this machine")
    if found.bucket is not None and not object_url(found.bucket).startswith("gs://"):
        raise InvalidSettings(f"[bigquery] bucket: expected gs://..., found {found.bucket!r}")


def load() -> Settings:
    """Read the settings, the lake as an absolute path.

    Raises:
        InvalidSettings: the file is not TOML, or holds a name or value that is not known.
        InvalidName: a symbol, an interval or the name of a collector is none.
    """
    path = Path(os.environ.get(FILE_VARIABLE, FILE)).absolute()
    settings = _read(path) if path.exists() or FILE_VARIABLE in os.environ else Settings()
    for symbol in (*settings.symbols, *settings.incremental.symbols):
        Instrument(settings.venue, symbol)
    settings.recordings()
    listings(settings.ohlcv.instruments)
    for interval in settings.ohlcv.intervals:
        length_of(interval)
    if settings.bigquery is not None:
        _check_bigquery(settings.bigquery)
    if settings.objects.to is not None:
        object_url(settings.objects.to)
    endpoint("objects", settings.objects.endpoint)
    lake = Path(os.environ.get(LAKE_VARIABLE, settings.lake)).expanduser()
    base = Path.cwd() if LAKE_VARIABLE in os.environ else path.parent
    archive = settings.archive
    if (url := os.environ.get(ARCHIVE_VARIABLE)) is not None:
        archive = archive.at(url)
    return msgspec.structs.replace(settings, lake=str(base / lake), archive=archive)


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
