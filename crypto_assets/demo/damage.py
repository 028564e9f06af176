"""Damage a recording on purpose, and say exactly what was lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import zstandard

from crypto_assets.model.coverage import Coverage, Range

_TRADE = re.compile(rb'"e":"trade".*?"t":(\d+)')


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged recording."""

    data: bytes
    """A zstd frame without its end, whose last line is cut in half."""
    lost: tuple[Range, ...]
    """Every trade id that is no longer in it, ascending."""
    torn_id: int
    """The one of them that the tear took."""
    repeated: int
    """Trades that are in it twice."""


def damage(
    data: bytes,
    *,
    drop: Sequence[Range],
    repeat: Collection[int],
) -> Damaged:
    """Drop trades, write some twice and tear the file within the line of its last trade.

    Args:
        data: Whole lines of a capture, not compressed, ascending by trade id.
        drop: Ranges of trade ids to leave out, both ends inside.
        repeat: Trade ids to write twice.

    Raises:
        ValueError: an id to drop or to repeat is not there, or is both, or is the last one.

    """
    lines = data.splitlines(keepends=True)
    ids = [_trade_id(line) for line in lines]
    last = max(index for index, found in enumerate(ids) if found is not None)
    torn_id = ids[last]
    assert torn_id is not None  # noqa: S101 - chosen so
    held = Coverage.of((found, found) for found in ids if found is not None)
    dropped = Coverage.of(drop)
    repeated = Coverage.of((found, found) for found in repeat)
    tear = Coverage.of([(torn_id, torn_id)])
    for wish in (dropped, repeated):
        if len(wish - (held - tear)):
            raise ValueError(f"ids {(wish - (held - tear)).ranges}: expected ids before the tear")
    if len(dropped & repeated):
        raise ValueError(f"ids {(dropped & repeated).ranges}: cannot be both dropped and repeated")

    gone = {found for low, high in drop for found in range(low, high + 1)}
    text = bytearray()
    for found, line in zip(ids[:last], lines[:last], strict=True):
        if found not in gone:
            text += line * (2 if found in repeat else 1)
    text += lines[last][: len(lines[last]) // 2]
    return Damaged(_unfinished(bytes(text)), (dropped | tear).ranges, torn_id, len(repeated))


def _trade_id(line: bytes) -> int | None:
    found = _TRADE.search(line)
    return int(found[1]) if found else None


def _unfinished(text: bytes) -> bytes:
    """Compress as a recorder that is killed: all that was flushed, and no end of the frame."""
    compressor = zstandard.ZstdCompressor(level=10).compressobj()
    return compressor.compress(text) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
