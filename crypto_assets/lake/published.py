"""What an exchange's archive was last found to have: of one file, and of all files of a symbol."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TypeVar

import msgspec

from crypto_assets.lake import atomic
from crypto_assets.lake.layout import Layout, checked_name
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US

_T = TypeVar("_T")

_PAUSE_US = 15 * 60 * 1_000_000
_DOUBLINGS = 5
_RECHECK_US = 60 * 60 * 1_000_000
_EXPECTED_WITHIN_US = 3 * DAY_US


class Publication(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of the archive, as it was when it was last asked for."""

    name: str
    is_published: bool
    asked_us: int
    """When, in microseconds since 1970 UTC."""
    sha256: str | None = None
    """As the archive's checksum says; None where it has none."""
    tries: int = 0
    """How often in a row it was not there, or could not be asked for, or not be read."""
    why: str | None = None
    """Why it could not be had; None where the archive answered."""

    def is_due(self, now_us: int) -> bool:
        """Whether to ask again: each hour, later and later where it was in vain."""
        if self.is_published and not self.tries:
            return now_us >= self.asked_us + _RECHECK_US
        return now_us >= self.asked_us + (_PAUSE_US << min(max(self.tries - 1, 0), _DOUBLINGS))

    def is_awaited(self, day_end_us: int) -> bool:
        """Whether it was not there yet at a time when that is usual: some days after its own.

        Source: the exchange's archive publishes "the next day"; users have seen it take several.
        """
        if self.is_published or self.why is not None:
            return False
        return self.asked_us < day_end_us + _EXPECTED_WITHIN_US


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The first and the last day an archive has a file of, by its listing."""

    first: dt.date
    last: dt.date
    asked_us: int


class Published:
    """What is known of the archive's files of one instrument."""

    def __init__(self, layout: Layout, instrument: Instrument) -> None:
        self._directory = layout.published(instrument)

    def read(self, name: str) -> Publication | None:
        """Read what is known of a file, None where it was never asked for."""
        return _decoded(self._path(name), Publication)

    def write(self, found: Publication) -> None:
        """Keep what was found of a file."""
        atomic.write_bytes(self._path(found.name), msgspec.json.encode(found))

    def next(
        self,
        name: str,
        now_us: int,
        *,
        is_published: bool,
        sha256: str | None = None,
        why: str | None = None,
    ) -> Publication:
        """Say what is known of a file after one more try to ask for it.

        That it is there makes up for tries in vain, but not for those it could not be read after.
        """
        known = self.read(name)
        tries = known.tries if known is not None else 0
        if is_published:
            tries = tries if known is not None and known.why is not None else 0
        else:
            tries += 1
        return Publication(
            name=name,
            is_published=is_published,
            asked_us=now_us,
            sha256=sha256,
            tries=tries,
            why=why,
        )

    def span(self) -> Span | None:
        """Read which days of trades there are files of, None where that was never listed."""
        return _decoded(self._directory / "listing.json", Span)

    def write_span(self, found: Span) -> None:
        """Keep which days there are files of."""
        atomic.write_bytes(self._directory / "listing.json", msgspec.json.encode(found))

    def _path(self, name: str) -> Path:
        return self._directory / f"{checked_name(name)}.json"


def _decoded(path: Path, kind: type[_T]) -> _T | None:
    """Read a small file; a damaged one is as good as none, for it can be asked for again."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
