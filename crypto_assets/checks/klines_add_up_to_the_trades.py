"""T12b: each of the exchange's klines counts and sums up just the trades we hold of its interval.

:mod:`klines_count_every_trade` counts the day, this every bar of every stored interval: trades,
volume, quote volume and what takers bought, summed over the trades themselves and not over our
bars. Klines of a part of the day judge only what they cover: where no kline is, no trade may be
between two that are. Where a venue's klines count no trades it is for
:mod:`klines_measure_every_trade`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from crypto_assets.checks.amounts import OF_TRADES, of_klines, opens, stored_intervals, text
from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.interval import Interval
from crypto_assets.model.numbering import Numbering

_SHOWN = 20
_OPEN = pl.col("ts_open")
_THEIRS = "_theirs"


def _pairs(ours: pl.DataFrame, theirs: pl.LazyFrame) -> pl.DataFrame:
    """Pair sums of trades with klines by a full outer join; ``found`` says what each pair is."""
    count, their_count = pl.col("trade_count"), pl.col(f"trade_count{_THEIRS}")
    lone, at = their_count.is_null(), _OPEN
    covered = at.is_between(at.filter(~lone).min(), at.filter(~lone).max())
    fields = [field for field in ours.columns if field != "ts_open"]
    unlike = pl.any_horizontal(pl.col(field) != pl.col(f"{field}{_THEIRS}") for field in fields)
    return (
        ours.lazy()
        .join(theirs, on="ts_open", how="full", coalesce=True, suffix=_THEIRS)
        # A kline without trades and no trade are the same.
        .with_columns(pl.col(field).fill_null(0) for field in fields)
        .with_columns(
            found=pl.when(lone & ~(covered & (count > 0)))
            .then(pl.lit("uncovered"))
            .when(lone | unlike)
            .then(pl.lit("differ"))
            .otherwise(pl.lit("equal")),
        )
        .sort("ts_open")
        .collect()
    )


def _examples(interval: Interval, pairs: pl.DataFrame) -> list[dict[str, object]]:
    """The first bars that differ, with the amounts that are unlike, as text."""
    shown = (
        pairs.filter(pl.col("found") == "differ")
        .head(_SHOWN)
        .with_columns(_OPEN.cast(pl.Datetime("us", "UTC")).dt.to_string("iso:strict"))
    )
    return [
        {"interval": interval.value, "ts_open": row["ts_open"], **_unlike(row)}
        for row in shown.iter_rows(named=True)
    ]


def _unlike(row: Mapping[str, int | None]) -> dict[str, object]:
    unlike = [field for field in OF_TRADES if row[field] != row[f"{field}{_THEIRS}"]]
    return {
        "trades": {field: _text(field, row[field]) for field in unlike},
        "klines": {field: _text(field, row[f"{field}{_THEIRS}"]) for field in unlike},
    }


def _text(field: str, value: int | None) -> int | str | None:
    return None if value is None else text(field, value)


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.klines is None:
        return Finding.not_checked("no klines of the day are stored")
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    if day.numbering is Numbering.OPAQUE:
        return Finding.not_checked("klines of this venue count no trades")
    stored = stored_intervals(day.klines)
    if not stored:
        return Finding.not_checked("no klines of a known interval are stored")
    sums = (
        day.trades.group_by(opens("ts_event", stored[0]))
        .agg(**OF_TRADES)
        .collect(engine="streaming")
    )
    counts: dict[str, dict[str, int]] = {}
    examples: list[dict[str, object]] = []
    for interval in stored:
        # Every interval is so many whole ones of each that is shorter.
        sums = sums.group_by(opens("ts_open", interval)).sum()
        pairs = _pairs(sums, of_klines(day.klines, interval))
        counts[interval.value] = dict.fromkeys(("equal", "differ", "uncovered"), 0)
        counts[interval.value] |= dict(pairs.group_by("found").len().iter_rows())
        examples += _examples(interval, pairs)
    evidence = {
        "whole_day": any(
            counts[interval]["equal"] == sum(counts[interval].values()) == interval.bars_per_day
            for interval in stored
        ),
        "intervals": counts,
        "differ": examples,
    }
    told = "; ".join(
        f"{interval}: " + ", ".join(f"{count:,} {word}" for word, count in found.items())
        for interval, found in counts.items()
    )
    if any(found["differ"] for found in counts.values()):
        return Finding.fails(told, evidence)
    return Finding.passes(told, evidence)


CHECK = Check(
    code="T12b",
    assets=("raw_trades",),
    says="Each of the exchange's klines counts and sums up just the trades of its interval.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
