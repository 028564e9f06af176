"""Long silences of a day: spans between two trades far beyond what is usual for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from crypto_assets.model.interval import SECOND_US

FLOOR_US = 60 * SECOND_US
_FACTOR = 10
_QUANTILE = 0.999
_STEP = pl.col("ts_event").to_physical().diff()

LONGEST = _STEP.max()
"""The longest step from trade to trade, in microseconds."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Two trades of which one follows the other late."""

    from_us: int
    until_us: int
    between_ids: tuple[int, int]

    @property
    def missing(self) -> int:
        """How many ids are missing between the two."""
        return self.between_ids[1] - self.between_ids[0] - 1


@dataclass(frozen=True, slots=True)
class Silences:
    """The long silences of a day, and what counts as long for it."""

    limit_us: int
    found: tuple[Silence, ...] = ()

    def __iter__(self) -> Iterator[Silence]:
        return iter(self.found)


def long_silences(trades: pl.LazyFrame) -> Silences:
    """Find the silences that exceed both 60 s and 10 times the 99.9th percentile of all steps.

    The factor keeps illiquid symbols, whose steps are minutes, from being listed all day.

    Args:
        trades: the Trades schema, ascending by id.
    """
    longest = trades.select(LONGEST).collect().item() or 0
    if longest <= FLOOR_US:
        return Silences(FLOOR_US)
    steps = trades.select(
        "trade_id",
        until_us=pl.col("ts_event").to_physical(),
        step_us=_STEP,
        missing=pl.col("trade_id").diff() - 1,
    )
    usual = steps.select(pl.col("step_us").quantile(_QUANTILE, "higher")).collect().item()
    limit = max(FLOOR_US, _FACTOR * int(usual))
    return Silences(
        limit,
        tuple(
            Silence(until - step, until, (trade_id - missing - 1, trade_id))
            for trade_id, until, step, missing in steps.filter(pl.col("step_us") > limit)
            .collect()
            .iter_rows()
        ),
    )
