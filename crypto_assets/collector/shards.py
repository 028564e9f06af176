"""Which streams share a connection."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

LONGEST_ADDRESS = 7000
"""Bytes of names in an address: servers commonly read a request line of 8 KiB."""


def shards(streams: Sequence[str], most: int, longest: int = LONGEST_ADDRESS) -> list[list[str]]:
    """Deal streams out over connections, in order, none with more than ``most``.

    Names are all in the address, so that a connection carries its streams from the first moment
    and never sends a message of its own. Raises ValueError when ``most`` is not positive.
    """
    if most < 1:
        raise ValueError(f"streams of a connection: expected 1 or more, found {most}")
    found: list[list[str]] = []
    room = 0
    for stream in streams:
        length = len(quote(stream)) + 1
        if not found or len(found[-1]) == most or length > room:
            found.append([])
            room = longest
        found[-1].append(stream)
        room -= length
    return found
