"""Values read from a block as columns of whole numbers, in the order of its lines."""

from __future__ import annotations

import numpy as np
import polars as pl

from crypto_assets.model.tables import TIME
from crypto_assets.venues.text import Ints, Mask


class Columns:
    """Arrays of many lines, and single lines among them; the column ``line`` orders all."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Start with no values under the names."""
        self._arrays: dict[str, list[Ints]] = {name: [] for name in ("line", *names)}
        self._singles: list[tuple[int, ...]] = []

    def add(self, line: Ints, values: dict[str, Ints], good: Mask) -> None:
        """Take the good ones of many lines."""
        whole = bool(good.all())
        for name, arrays in self._arrays.items():
            array = line if name == "line" else values[name]
            arrays.append(array if whole else array[good])

    def add_single(self, line: int, *values: int) -> None:
        """Take one line, values in the order of the names; they may need more than 64 bits."""
        self._singles.append((line, *values))

    def frame(self) -> pl.DataFrame:
        """Put all together, as ``Int64`` or, with single lines, ``Int128``."""
        fast = pl.DataFrame(
            {
                name: np.concatenate([*arrays, np.empty(0, dtype=np.int64)])
                for name, arrays in self._arrays.items()
            },
        )
        if not self._singles:
            return fast
        schema = dict.fromkeys(self._arrays, pl.Int128)
        slow = pl.DataFrame(self._singles, schema=schema, orient="row")
        return pl.concat([fast.cast(pl.Int128()), slow]).sort("line", maintain_order=True)


def as_whole(name: str) -> pl.Expr:
    """Give a column as ``Int64``."""
    return pl.col(name).cast(pl.Int64())


def as_flag(name: str) -> pl.Expr:
    """Turn 0 and 1 into a boolean."""
    return pl.col(name).cast(pl.Boolean())


def as_time(name: str) -> pl.Expr:
    """Turn microseconds since 1970 into a time."""
    return pl.col(name).cast(pl.Int64()).cast(TIME)


def as_decimal(name: str, dtype: pl.Decimal) -> pl.Expr:
    """Turn units of 1e-8 into decimals, exactly: the number stays, the type is put on it."""
    return pl.col(name).cast(pl.Int128()).reinterpret(dtype=dtype)
