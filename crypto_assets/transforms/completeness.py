"""Which seconds of a day may lack trades: missing ids, carried over to time."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import SECOND_US, Interval

SECONDS = Interval.SECOND.bars_per_day


def complete_seconds(
    runs: pl.DataFrame,
    missing: Sequence[Range],
    *,
    left_edge_proven: bool,
    right_edge_proven: bool,
) -> pl.Series:
    """Judge each of the day's 86,400 seconds: true where no missing id can belong to it.

    The trades of a missing range were matched between the trade before it and the one after, so
    every second from one's to the other's may lack some. Before the first trade and after the
    last that holds of the whole rest of the day unless the edge is proven, and without any trade
    nothing but two proven edges proves anything.

    Args:
        runs: ``second`` (0 to 86,399), ``first_trade_id`` and ``last_trade_id`` of each unbroken
            run of trades within one second, ascending by id. Times may run backwards.
        missing: closed ranges of ids, in any order.
        left_edge_proven: no id is missing before the first trade.
        right_edge_proven: no id is missing after the last.

    Returns:
        86,400 booleans.

    """
    proven = left_edge_proven and right_edge_proven and not missing
    if proven or runs.is_empty():
        return pl.Series([proven]).new_from_index(0, SECONDS)
    doubts = _doubts(
        _holes(runs, missing).with_columns(
            pl.col("before") | (pl.lit(not left_edge_proven) & (pl.col("row") == 0)),
            pl.col("after") | (pl.lit(not right_edge_proven) & (pl.col("row") == len(runs) - 1)),
        ),
    )
    change = pl.select(second=pl.int_range(SECONDS, dtype=pl.Int64)).join(
        doubts,
        on="second",
        how="left",
        maintain_order="left",
    )["change"]
    return change.fill_null(0).cum_sum() == 0


def measured_seconds(spans: Sequence[Range], start_us: int) -> pl.Series:
    """Say of each of the day's 86,400 seconds whether it lies in a span known to lack nothing.

    Args:
        spans: closed spans in microseconds since 1970, ascending and disjoint.
        start_us: when the day begins.

    Returns:
        86,400 booleans.

    """
    begins = pl.Series([first for first, _ in spans], dtype=pl.Int64)
    ends = pl.Series([0, *(last for _, last in spans)], dtype=pl.Int64)
    opens = pl.int_range(SECONDS, dtype=pl.Int64, eager=True) * SECOND_US + start_us
    # The end of the last span that begins by then, if any does.
    return ends.gather(begins.search_sorted(opens, side="right")) >= opens + SECOND_US - 1


def _holes(runs: pl.DataFrame, missing: Sequence[Range]) -> pl.DataFrame:
    """Find the runs that ids are missing before, inside of, or (the last run only) after.

    Ids of runs are disjoint and ascending: a missing range lies before the first, between two
    neighbours, inside one or after the last, as the number of ranges up to an id tells.
    """
    begins = pl.Series([first for first, _ in Coverage.of(missing).ranges], dtype=pl.Int64)
    up_to_first = begins.search_sorted(runs["first_trade_id"], side="right")
    up_to_last = begins.search_sorted(runs["last_trade_id"], side="right")
    return runs.select(
        "second",
        previous=pl.col("second").shift(1, fill_value=0),
        row=pl.int_range(pl.len()),
        before=up_to_last.shift(1, fill_value=0) < up_to_first,
        inside=up_to_first < up_to_last,
        after=(pl.int_range(pl.len()) == len(runs) - 1) & (up_to_last < len(begins)),
    )


def _doubts(holes: pl.DataFrame) -> pl.DataFrame:
    """Count by second the stretches of doubt that begin there, less those that have ended."""
    begin = pl.when("before").then(pl.min_horizontal("previous", "second")).otherwise("second")
    end = (
        pl.when("after")
        .then(pl.lit(SECONDS - 1, dtype=pl.Int64))
        .when("before")
        .then(pl.max_horizontal("previous", "second"))
        .otherwise("second")
    )
    stretches = holes.filter(pl.col("before") | pl.col("inside") | pl.col("after"))
    return (
        pl.concat(
            [
                stretches.select(second=begin, change=pl.lit(1)),
                stretches.select(second=end + 1, change=pl.lit(-1)),
            ],
        )
        .group_by("second")
        .agg(pl.col("change").sum())
    )
