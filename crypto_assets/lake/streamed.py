"""What was published to a stream and what came back unreadable: small files, each written whole.

::

    streamed/<stream>/venue=binance/<input>.json      an input all of whose trades the broker has
    dead_letters/stream=<stream>/<sha256>.json        a message that is no trade, as it was
"""

from __future__ import annotations

import hashlib

import msgspec

from crypto_assets.lake import atomic
from crypto_assets.lake.layout import Layout, checked_name

_SUFFIX = ".json"


class Streamed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An input that was published whole."""

    trades: int
    repeats: int = 0
    """Of them, those the broker had already."""
    published_us: int
    why: str | None = None
    """Why nothing of it could be read, where that is so."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be read."""

    reason: str
    id: str | None
    payload: bytes
    """As it came; base64 in the file."""


def known(layout: Layout, stream: str, venue: str) -> set[str]:
    """Name the inputs of a venue that were published whole."""
    directory = layout.streamed(stream, venue)
    return {path.name.removesuffix(_SUFFIX) for path in directory.glob(f"[!.]*{_SUFFIX}")}


def mark(layout: Layout, stream: str, venue: str, name: str, found: Streamed) -> None:
    """Say that an input was published whole; the last act of publishing it."""
    target = layout.streamed(stream, venue) / f"{checked_name(name)}{_SUFFIX}"
    atomic.write_bytes(target, msgspec.json.encode(found))


def keep_letter(layout: Layout, stream: str, letter: Letter) -> None:
    """Keep a message that could not be read; the same one again changes nothing."""
    data = msgspec.json.encode(letter)
    name = hashlib.sha256(letter.payload + str(letter.id).encode()).hexdigest()[:32]
    target = layout.stream_letters(stream) / f"{name}{_SUFFIX}"
    if not target.exists():
        atomic.write_bytes(target, data)


def letters(layout: Layout, stream: str) -> list[Letter]:
    """Read every message of a stream that could not be read."""
    directory = layout.stream_letters(stream)
    return [
        msgspec.json.decode(path.read_bytes(), type=Letter)
        for path in sorted(directory.glob(f"[!.]*{_SUFFIX}"))
    ]
