"""The quote that stands as each second ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.interval import SECOND_US, Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import QUOTES

QUOTED = ("bid", "bid_quantity", "ask", "ask_quantity")

_SECONDS = Interval.SECOND.bars_per_day
_SCHEMA = pl.Schema({name: QUOTES.schema[name] for name in QUOTED})


def last_quotes(
    quotes: pl.LazyFrame,
    partition: Partition,
    recorded: Sequence[Range] = (),
) -> pl.LazyFrame:
    """Find for each of the day's 86,400 seconds the quote that stands as it ends.

    That is the one with the highest id among those with ``ts_as_of`` before the second's end and
    within the span of recording the end lies in. Nothing is known between spans, and what was
    quoted before a gap says nothing of after it: a second that ends outside every span, or before
    its span's first quote, has nulls. Quotes of other days are left out.

    Args:
        quotes: the Quotes schema (more columns are ignored), each id once, ascending by id.
        partition: whose day it is.
        recorded: closed spans in microseconds since 1970, in any order. When empty, the day
            counts as recorded until the end of the last quote's second.

    Returns:
        86,400 rows of ``bid``, ``bid_quantity``, ``ask`` and ``ask_quantity``, by second.

    """
    spans = _spans(recorded, partition)

    def standing(last: pl.DataFrame) -> pl.DataFrame:
        if recorded or last.is_empty():
            return _standing(last, spans)
        return _standing(last, [_Span(0, max(last["second"]), partition.start_us)])

    return _last_of_each_second(quotes, partition, spans).map_batches(standing, schema=_SCHEMA)


class _Span(NamedTuple):
    """The first and last second that end in a span of recording, and the instant it begins."""

    first: int
    last: int
    begin: int


def _spans(recorded: Sequence[Range], partition: Partition) -> list[_Span]:
    """Carry spans over to seconds of the day; one that no second ends in is left out."""
    found = []
    for begin, end in Coverage.of(recorded).ranges:
        first = -((partition.start_us - begin) // SECOND_US) - 1
        last = (end - partition.start_us) // SECOND_US - 1
        span = _Span(max(first, 0), min(last, _SECONDS - 1), begin)
        if span.first <= span.last:
            found.append(span)
    return found


def _last_of_each_second(
    quotes: pl.LazyFrame,
    partition: Partition,
    spans: Sequence[_Span],
) -> pl.LazyFrame:
    """Pick the quote with the highest id of every second.

    Only the last row of an unbroken run of one second can be it, so nearly all rows are gone
    before anything is grouped.
    """
    second, time = pl.col("second"), pl.col("ts_as_of").to_physical()
    kept = quotes.select(
        "ts_as_of",
        "update_id",
        *QUOTED,
        second=(time - partition.start_us) // SECOND_US,
    )
    # A quote from before the span does not serve in it, though it be of the same second. One
    # look-up for all spans: a day of segments has a thousand, and a filter each costs them all.
    begins = {span.first: span.begin for span in spans}
    if begins:
        begin = second.replace_strict(begins, default=None, return_dtype=pl.Int64)
        kept = kept.filter(begin.is_null() | (time >= begin))
    return (
        kept.select("second", "update_id", *QUOTED)
        .filter(second.ne_missing(second.shift(-1)))
        .filter(second.is_between(0, _SECONDS - 1))
        .group_by("second")
        .agg(pl.col("update_id", *QUOTED).last())
    )


def _standing(last: pl.DataFrame, spans: Sequence[_Span]) -> pl.DataFrame:
    """Carry each second's last quote forward to the end of its span."""
    schema = {"span": pl.Int64, "last": pl.Int64, "begin": pl.Int64}
    listening = pl.DataFrame(spans, schema=schema, orient="row").select(
        "span",
        second=pl.int_ranges("span", pl.col("last") + 1),
    )
    newest = pl.col("update_id") == pl.col("update_id").cum_max().over("span")
    since = pl.when("newest").then("second").forward_fill()
    carried = pl.when("newest").then(pl.col(*QUOTED)).forward_fill()
    return (
        pl.select(second=pl.int_range(_SECONDS, dtype=pl.Int64))
        .join(listening.explode("second"), on="second", how="left", maintain_order="left")
        .join(last, on="second", how="left", maintain_order="left")
        # Where times run backwards a second may end with a lower id than one before it.
        .with_columns(newest=newest.fill_null(value=False))
        .select(pl.when(since >= pl.col("span")).then(carried))
    )
