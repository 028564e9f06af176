"""T12: the exchange's klines of the day count as many trades as we hold.

Uses the shortest interval whose klines cover the whole day, of a symbol's first day from its first
trade on. Where they count more and our own ids
are contiguous, what is missing lies before our first trade or after our last, and comparing bar by
bar tells exactly which ids.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from crypto_assets.checks.check import UNNUMBERED, Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.edges import Join, edges_of
from crypto_assets.model.coverage import Range
from crypto_assets.model.interval import Interval
from crypto_assets.model.numbering import Numbering

_OPEN = pl.col("ts_open").to_physical()


@dataclass(frozen=True, slots=True)
class _Stored:
    """What klines of one interval there are."""

    interval: Interval
    bars: int
    trades: int
    covers: bool


def _stored(day: Day, klines: pl.LazyFrame) -> list[_Stored]:
    """Count the klines of the day by interval, shortest first.

    Unknown intervals are left out, and klines that count no trades.
    """
    found = (
        klines.filter(
            pl.col("trade_count").is_not_null(),
            _OPEN.is_between(day.partition.start_us, day.partition.end_us, closed="left"),
        )
        .group_by("interval")
        .agg(
            rows=pl.len(),
            bars=pl.col("ts_open").n_unique(),
            trades=pl.col("trade_count").sum(),
            first=_OPEN.min(),
        )
        .collect()
    )
    known = {interval.value: interval for interval in Interval}
    return sorted(
        (
            _Stored(
                known[name],
                bars,
                trades,
                rows == bars == expected_bars(day, known[name], first),
            )
            for name, rows, bars, trades, first in found.iter_rows()
            if name in known
        ),
        key=lambda stored: stored.interval.microseconds,
    )


def expected_bars(day: Day, interval: Interval, first_us: int) -> int:
    """Say how many klines of an interval a day has; ``first_us`` is when the first of them opens.

    The exchange's klines begin with a symbol's first trade, so on its first day they are fewer.
    """
    if day.is_first:
        return (day.partition.end_us - first_us) // interval.microseconds
    return interval.bars_per_day


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.klines is None:
        return Finding.not_checked("no klines of the day are stored")
    if day.trades is not None and day.trades_summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    if day.numbering is Numbering.OPAQUE:
        return Finding.not_checked(UNNUMBERED)
    held = day.trades_summary.rows if day.trades_summary is not None else 0
    stored = _stored(day, day.klines)
    covering = [found for found in stored if found.covers]
    # Klines of a part of the day prove nothing, but a surplus in them already proves a loss.
    judged = covering or [found for found in stored if found.trades > held]
    if not judged:
        return Finding.not_checked(
            "no klines cover the whole day: "
            + (", ".join(f"{found.bars:,} of {found.interval}" for found in stored) or "none"),
        )
    finest = judged[0]
    evidence: dict[str, object] = {
        "interval": finest.interval.value,
        "counted": finest.trades,
        "held": held,
        "klines": finest.bars,
        "whole_day": finest.covers,
    }
    if finest.trades == held:
        return Finding.passes(
            f"{finest.interval} klines count {held:,} trades, as many as are held", evidence
        )
    if finest.covers and finest.trades > held:
        missing = _missing_at_the_ends(day, day.klines, finest)
        if missing is not None:
            evidence["missing_count"] = sum(last - first + 1 for first, last in missing)
            evidence["missing"] = [list(found) for found in missing]
    return Finding.fails(
        f"{finest.interval} klines count {finest.trades:,} trades, {held:,} are held",
        evidence,
    )


def _missing_at_the_ends(
    day: Day,
    klines: pl.LazyFrame,
    finest: _Stored,
) -> tuple[Range, ...] | None:
    """Find the ids missing before the first and after the last trade, None where none can tell.

    Our ids are contiguous, so every trade between the first and last is held. The bars up to
    the first trade's lack only trades before it, those from the last trade's on only trades after.
    """
    summary = day.trades_summary
    if day.trades is None or summary is None or summary.first_id is None or summary.last_id is None:
        if day.previous is None:
            return None
        after = day.previous.last_id
        return ((after + 1, after + finest.trades),)
    if summary.missing:
        return None
    ours = day.trades.group_by(
        ts_open=pl.col("ts_event").dt.truncate(finest.interval.value),
    ).agg(held=pl.len())
    lacking = (
        klines.filter(pl.col("interval") == finest.interval.value)
        .select("ts_open", "trade_count")
        .join(ours, on="ts_open", how="full", coalesce=True)
        .select(
            "ts_open",
            "held",
            lacking=pl.col("trade_count").fill_null(0) - pl.col("held").fill_null(0).cast(pl.Int64),
        )
    )
    traded = pl.col("ts_open").filter(pl.col("held").is_not_null())
    first, last, at = traded.min(), traded.max(), pl.col("ts_open")
    lack = pl.col("lacking")
    totals = (
        lacking.select(
            before=lack.filter(at < first).sum(),
            at_first=lack.filter(at == first).sum(),
            between=lack.filter(at > first, at < last).abs().sum(),
            at_last=lack.filter(at == last).sum(),
            after=lack.filter(at > last).sum(),
            surplus=(lack < 0).sum(),
            one_bar=first == last,
        )
        .collect()
        .row(0, named=True)
    )
    if totals["surplus"] or totals["between"]:
        return None
    head, tail = totals["before"], totals["after"]
    if not totals["one_bar"]:
        head, tail = head + totals["at_first"], tail + totals["at_last"]
    elif totals["at_first"]:
        # All our trades are of one bar: only a neighbour can tell which side of them it lacks.
        edges = edges_of(day)
        if edges.left.join is Join.JOINED:
            tail += totals["at_first"]
        elif edges.right.join is Join.JOINED:
            head += totals["at_first"]
        else:
            return None
    ranges = (
        (summary.first_id - head, summary.first_id - 1),
        (summary.last_id + 1, summary.last_id + tail),
    )
    return tuple(found for found in ranges if found[0] <= found[1])


CHECK = Check(
    code="T12",
    assets=("verdicts",),
    says="The exchange's klines of the day count as many trades as we hold.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
