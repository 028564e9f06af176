"""Trade ids for venues that name their trades by UUIDs: they sort by time and need no memory."""

from __future__ import annotations

import polars as pl

NAME_BITS = 22
LAST_MS = 2**41 - 1
"""The last millisecond an id has room for, in September 2039."""
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_HEAD_DIGITS = 6
_SURPLUS = 2 ** (4 * _HEAD_DIGITS - NAME_BITS)


def trade_id(time_us: pl.Expr, match_id: pl.Expr) -> pl.Expr:
    """Give ``milliseconds << 22 | the first 22 bits of the UUID`` as ``Int64``.

    The same whichever door a trade came by, as long as both tell its millisecond. Two trades of
    one millisecond may share an id: their names tell them apart.

    Args:
        time_us: microseconds since 1970, at most :data:`LAST_MS` in milliseconds.
        match_id: UUIDs in lower case, as :data:`UUID` says.

    """
    head = match_id.str.slice(0, _HEAD_DIGITS).str.to_integer(base=16, dtype=pl.Int64)
    found: pl.Expr = time_us // 1_000 * 2**NAME_BITS + head // _SURPLUS
    return found
