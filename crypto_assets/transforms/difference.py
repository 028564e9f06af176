"""What two versions of the same rows differ in, key by key."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.tables import Table


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids by what became of their rows."""

    added: Coverage = field(default_factory=Coverage)
    """Only in the new rows."""
    removed: Coverage = field(default_factory=Coverage)
    """Only in the old rows."""
    changed: Coverage = field(default_factory=Coverage)
    """In both, with different contents."""

    def __or__(self, other: Difference) -> Difference:
        return Difference(
            self.added | other.added,
            self.removed | other.removed,
            self.changed | other.changed,
        )

    @property
    def is_none(self) -> bool:
        """Whether the rows are the same."""
        return not (len(self.added) or len(self.removed) or len(self.changed))


def difference(old: pl.DataFrame, new: pl.DataFrame, table: Table) -> Difference:
    """Compare rows of a table that has ids, each key once in either, by the hashed columns.

    Where ids are opaque two trades can share one: their names are part of the key.
    """
    assert table.id is not None  # noqa: S101 - only tables with ids are compared
    key = list(table.key)
    names = [name for name in table.hashed if name not in key]
    here, there = (
        frame.select(*key, *names, pl.lit(value=True).alias("_is")) for frame in (old, new)
    )
    pairs = here.join(there, on=key, how="full", coalesce=True, suffix="_new", nulls_equal=True)
    unlike = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in names)
    was, is_ = pl.col("_is").is_not_null(), pl.col("_is_new").is_not_null()

    def ids(kind: pl.Expr) -> Coverage:
        return Coverage.of_ids(pairs.filter(kind)[table.id or ""])

    return Difference(ids(~was), ids(~is_), ids(was & is_ & unlike))
