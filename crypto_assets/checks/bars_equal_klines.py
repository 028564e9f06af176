"""B7: the exchange's own klines say what our bars say, in every field, as decimals.

Every stored interval is compared by a full outer join on the opening time:

matched
    there on both sides, every field equal.
differ
    trades on both sides and a field unlike.
only_ours
    our bar has trades, the kline none or there is no kline between others.
only_theirs
    the kline has trades, our bar none or there is no bar.
uncovered
    no kline, and either none that side of it (klines of a part of the day) or no trade in our bar
    (the exchange publishes none while a symbol is suspended).

In a kline without trades the exchange repeats the last close, across midnight too; ours is null
until a trade is known, so such prices are compared only where ours are not null. What an exchange
does not publish, such as counts, is not compared. How its first and last price are held against
ours is for :mod:`~crypto_assets.checks.kline_prices`.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crypto_assets.checks.amounts import stored_intervals
from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.kline_prices import PRICES, is_undecided, unlike_price, with_bounds
from crypto_assets.model.interval import Interval
from crypto_assets.model.numbering import Numbering

_SHOWN = 5
_AMOUNTS = (
    "volume",
    "quote_volume",
    "trade_count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)
_FIELDS = PRICES + _AMOUNTS
_FAULTS = ("differ", "only_ours", "only_theirs")


def _theirs(field: str) -> pl.Expr:
    return pl.col(f"{field}_theirs")


def _unlike(field: str) -> pl.Expr:
    if field in PRICES:
        return unlike_price(field)
    return _theirs(field).is_not_null() & pl.col(field).ne_missing(_theirs(field))


def _compare(
    day: Day, interval: Interval, ours: pl.LazyFrame, theirs: pl.LazyFrame
) -> pl.DataFrame:
    """Pair bars with klines of one interval; ``found`` says what each pair is."""
    at, count, lone = pl.col("ts_open"), pl.col("trade_count"), _theirs("volume").is_null()
    traded = pl.coalesce(_theirs("trade_count") > 0, _theirs("volume") > 0)
    ours_has, theirs_has = count.fill_null(0) > 0, traded.fill_null(value=False)
    covered = at.is_between(at.filter(~lone).min(), at.filter(~lone).max())
    return (
        with_bounds(day, interval, ours.select("ts_open", *_FIELDS))
        .join(
            theirs.select("ts_open", *_FIELDS),
            on="ts_open",
            how="full",
            coalesce=True,
            suffix="_theirs",
        )
        .with_columns(_unlike(field).alias(f"{field}_unlike") for field in _FIELDS)
        .with_columns(
            found=pl.when(lone & ~(covered & ours_has))
            .then(pl.lit("uncovered"))
            .when(ours_has & ~theirs_has)
            .then(pl.lit("only_ours"))
            .when(count.is_null() | (theirs_has & ~ours_has))
            .then(pl.lit("only_theirs"))
            .when(pl.any_horizontal([f"{field}_unlike" for field in _FIELDS]))
            .then(pl.lit("differ"))
            .otherwise(pl.lit("matched")),
        )
        .sort("ts_open")
        .collect()
    )


def _examples(interval: str, pairs: pl.DataFrame) -> list[dict[str, object]]:
    """Show the first few pairs of each fault, with the fields that are unlike, as text."""
    shown = (
        pairs.filter(pl.col("found").is_in(_FAULTS))
        .filter(pl.int_range(pl.len()).over("found") < _SHOWN)
        # As text here: a time of a wrong unit is beyond what a Python datetime holds.
        .with_columns(pl.col("ts_open").dt.to_string("iso:strict"))
    )
    examples: list[dict[str, object]] = []
    for row in shown.iter_rows(named=True):
        is_lone = row["found"] != "differ"
        unlike = [
            field
            for field in _FIELDS
            if row[f"{field}_unlike"] or (is_lone and row[field] != row[f"{field}_theirs"])
        ]
        examples.append(
            {
                "interval": interval,
                "ts_open": row["ts_open"],
                "found": row["found"],
                "ours": {field: _text(row[field]) for field in unlike},
                "theirs": {field: _text(row[f"{field}_theirs"]) for field in unlike},
            },
        )
    return examples


def _text(value: Decimal | int | None) -> str | int | None:
    """Write a decimal with all its places, never with an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else value


def _judge(day: Day, _measured: Measured) -> Finding:
    if day.klines is None:
        return Finding.not_checked("no klines of the day are stored")
    if day.bars is None:
        return Finding.cannot_judge("no bars are stored")
    ours = {Interval.SECOND.value: day.bars, **day.rolled}
    stored = [interval.value for interval in stored_intervals(day.klines)]
    if not stored:
        return Finding.not_checked("no klines of a known interval are stored")
    if lacking := [name for name in stored if name not in ours]:
        return Finding.cannot_judge(f"bars were not rolled up to {', '.join(lacking)}")
    counts: dict[str, dict[str, int]] = {}
    undecided: dict[str, int] = {}
    examples: list[dict[str, object]] = []
    for name in stored:
        theirs = day.klines.filter(pl.col("interval") == name)
        pairs = _compare(day, Interval(name), ours[name], theirs)
        counts[name] = dict.fromkeys(("matched", *_FAULTS, "uncovered"), 0)
        counts[name] |= dict(pairs.group_by("found").len().iter_rows())
        undecided[name] = int(pairs.select(is_undecided().sum()).item())
        examples += _examples(name, pairs)
    evidence: dict[str, object] = {
        "whole_day": any(
            counts[name]["matched"] == sum(counts[name].values()) == Interval(name).bars_per_day
            for name in stored
        ),
        "intervals": counts,
        "examples": examples,
    }
    if day.numbering is Numbering.OPAQUE:
        evidence["open_or_close_undecided"] = undecided
    told = "; ".join(
        f"{name}: "
        + ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in found.items())
        for name, found in counts.items()
    )
    if any(undecided.values()):
        left = ", ".join(f"{count:,} of {name}" for name, count in undecided.items())
        told += f"; which of several prices is open or close cannot be told in {left}"
    return Finding(
        passed=not any(found[kind] for found in counts.values() for kind in _FAULTS),
        message=told,
        evidence=evidence,
    )


CHECK = Check(
    code="B7",
    assets=("bars_1s", "daily_bars"),
    says="The exchange's own klines say what our bars say, in every field.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
