"""Bars as their text, as rows of the table ``ohlcv``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import polars as pl

from crypto_assets.errors import UnreadableInput
from crypto_assets.model.tables import FETCHED, OHLCV, TIME
from crypto_assets.transforms.ohlcv_pages import Row

_NUMBERS = ("open", "high", "low", "close", "volume")
_PLAIN = r"^[0-9]{1,20}(\.[0-9]{1,18})?$"


def frame_of(rows: Sequence[Row], interval: str) -> pl.DataFrame:
    """Build the rows of one interval, to the last digit, in the order given.

    Raises:
        UnreadableInput: a number is none, is negative, or has more than 20 digits before the point
            or 18 behind it, so that it would have to be rounded.
    """
    times, *numbers = zip(*rows, strict=True) if rows else [()] * (1 + len(_NUMBERS))
    columns = {
        "interval": pl.repeat(interval, len(rows), dtype=pl.String(), eager=True),
        "ts_open": pl.Series(times, dtype=pl.Int64()).cast(TIME),
        **{
            name: _exact(name, pl.Series(texts, dtype=pl.String()))
            for name, texts in zip(_NUMBERS, numbers, strict=True)
        },
    }
    return pl.DataFrame(columns, schema=OHLCV.schema)


def merged(new: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Add the bars of ``old`` that ``new`` lacks; both of one interval, ascending."""
    left = old.join(new, on="ts_open", how="anti")
    return new if left.is_empty() else pl.concat([new, left]).sort("ts_open")


def _exact(name: str, texts: pl.Series) -> pl.Series:
    is_plain = texts.str.contains(_PLAIN)
    if not is_plain.all():
        texts = pl.Series([_plain(name, text) for text in texts.to_list()], dtype=pl.String())
    return texts.cast(FETCHED)


def _plain(name: str, text: str) -> str:
    """Write a number without an exponent and without zeros that say nothing."""
    try:
        plain = f"{Decimal(text):f}"
    except InvalidOperation:
        plain = text
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    if not re.fullmatch(_PLAIN, plain):
        raise UnreadableInput(
            f"{name} {text!r}: expected a number of at most 20 digits and 18 behind the point",
        )
    return plain
