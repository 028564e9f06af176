"""The only reader of the environment and of the settings file.

``crypto-assets.toml`` is looked for in the working directory, or where
``CRYPTO_ASSETS_SETTINGS`` points; every value in it has a default. ``CRYPTO_ASSETS_LAKE`` wins over
the file.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec

from crypto_assets.errors import InvalidSettings
from crypto_assets.model.instrument import Instrument

FILE = "crypto-assets.toml"
FILE_VARIABLE = "CRYPTO_ASSETS_SETTINGS"
LAKE_VARIABLE = "CRYPTO_ASSETS_LAKE"


class Healing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where missing trades are asked for."""

    http_url: str = "https://api.binance.com"
    """A host that serves trades by id, which the market-data-only one does not."""
    archive_url: str = "https://data.binance.vision"
    """A host of the published daily files."""
    most_ids: int = 1_000_000
    """Days that lack more are not healed by themselves: whole days come from the archive."""


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
    healing: Healing = Healing()


def load() -> Settings:
    """Read the settings, the lake as an absolute path.

    Raises:
        InvalidSettings: the file is not TOML, or holds a name or value that is not known.
    """
    path = Path(os.environ.get(FILE_VARIABLE, FILE)).absolute()
    settings = _read(path) if path.exists() or FILE_VARIABLE in os.environ else Settings()
    for symbol in settings.symbols:
        Instrument(settings.venue, symbol)
    lake = Path(os.environ.get(LAKE_VARIABLE, settings.lake)).expanduser()
    base = Path.cwd() if LAKE_VARIABLE in os.environ else path.parent
    return msgspec.structs.replace(settings, lake=str(base / lake))


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
