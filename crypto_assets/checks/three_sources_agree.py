"""T19: trades, aggregates and klines say the same of every bar; if not, the odd one out is named.

Each is published by itself, so a fault of one leaves the two others agreeing. Judged in bars of the
shortest interval that klines are stored of: how many trades, how much was traded and how much of it
takers bought; trades and aggregates also by their first and last id.

agree
    all three.
trades, aggregates, klines
    that one is unlike both others, which agree.
ids
    all add up to the same, but trades and aggregates name other ids.
none
    no two of them agree.
uncovered
    no kline or no aggregate is stored, so that there is nothing to agree with.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crypto_assets.checks.amounts import OF_TRADES, decimal, of_klines, opens, stored_intervals
from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.checks.stretches import Stretch, stretches_of
from crypto_assets.model.interval import Interval
from crypto_assets.model.verdict import Severity

_SHOWN = 20
_SUMS = ("trade_count", "volume", "taker_buy_volume")
_IDS = ("first_id", "last_id")
_SOURCES = ("trades", "aggregates", "klines")
_FAULTS = (*_SOURCES, "ids", "none")
_QUANTITY = pl.col("quantity").to_physical()


def _of(source: str, field: str) -> pl.Expr:
    return pl.col(f"{source}.{field}")


def _named(sums: pl.LazyFrame, source: str) -> pl.LazyFrame:
    return sums.rename(lambda name: name if name == "ts_open" else f"{source}.{name}")


def _alike(one: str, other: str, fields: Sequence[str] = _SUMS) -> pl.Expr:
    return pl.all_horizontal(_of(one, field).eq_missing(_of(other, field)) for field in fields)


def _sums_of_trades(trades: pl.LazyFrame, interval: Interval) -> pl.LazyFrame:
    return trades.group_by(opens("ts_event", interval)).agg(
        **{field: OF_TRADES[field] for field in _SUMS},
        first_id=pl.col("trade_id").min(),
        last_id=pl.col("trade_id").max(),
    )


def _sums_of_aggregates(aggregates: pl.LazyFrame, interval: Interval) -> pl.LazyFrame:
    first, last = pl.col("first_trade_id"), pl.col("last_trade_id")
    return aggregates.group_by(opens("ts_event", interval)).agg(
        trade_count=(last - first + 1).sum(),
        volume=_QUANTITY.sum(),
        taker_buy_volume=_QUANTITY.filter(~pl.col("is_buyer_maker")).sum(),
        first_id=first.min(),
        last_id=last.max(),
    )


def _compare(day: Day, interval: Interval) -> pl.DataFrame:
    """Put what the three say of each bar side by side; ``found`` says who agrees."""
    assert day.trades is not None and day.aggregates is not None and day.klines is not None  # noqa: PT018, S101
    trades = _sums_of_trades(day.trades, interval).collect(engine="streaming")
    aggregates = _sums_of_aggregates(day.aggregates, interval).collect(engine="streaming")
    klines = of_klines(day.klines, interval).select("ts_open", *_SUMS)
    published = _of("klines", "trade_count").is_not_null()
    at = pl.col("ts_open")
    outside = ~at.is_between(at.filter(published).min(), at.filter(published).max())
    count = [_of(source, "trade_count") for source in _SOURCES]
    # At the ends of what is stored of them aggregates may be of a part of a bar.
    partly = (
        ~_is_within(stretches_of(day.aggregate_parts), interval)
        & (count[1] < pl.max_horizontal(count[0], count[2]))
        & count[1].ne_missing(count[2])
    )
    pairs = {
        "trades": _alike("aggregates", "klines"),
        "aggregates": _alike("trades", "klines"),
        "klines": _alike("trades", "aggregates"),
    }
    same_ids = _alike("trades", "aggregates", _IDS)
    found = pl.coalesce(
        pl.when(outside | partly).then(pl.lit("uncovered")),
        pl.when(pl.all_horizontal(pairs.values()) & same_ids).then(pl.lit("agree")),
        pl.when(pl.all_horizontal(pairs.values())).then(pl.lit("ids")),
        *(pl.when(agree).then(pl.lit(odd)) for odd, agree in pairs.items()),
        pl.lit("none"),
    )
    return (
        _named(trades.lazy(), "trades")
        .join(_named(aggregates.lazy(), "aggregates"), on="ts_open", how="full", coalesce=True)
        .join(_named(klines, "klines"), on="ts_open", how="full", coalesce=True)
        # No trade in a bar is the same as a kline of none.
        .with_columns(_of(source, field).fill_null(0) for source in _SOURCES[:2] for field in _SUMS)
        .with_columns(found=found)
        .sort("ts_open")
        .collect()
    )


def _is_within(stretches: Sequence[Stretch], interval: Interval) -> pl.Expr:
    """Whether aggregates are stored of a bar from before its beginning until after its end."""
    at, length = pl.col("ts_open"), interval.microseconds
    return pl.any_horizontal(
        pl.lit(value=False),
        *((at > stretch.span[0]) & (at + length <= stretch.span[1]) for stretch in stretches),
    )


def _judge(day: Day, _measured: Measured) -> Finding:
    for name, frame in (("aggregate trades", day.aggregates), ("klines", day.klines)):
        if frame is None:
            return Finding.not_checked(f"no {name} of the day are stored")
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    stored = stored_intervals(day.klines) if day.klines is not None else []
    if not stored:
        return Finding.not_checked("no klines of a known interval are stored")
    return _found(stored[0], _compare(day, stored[0]))


def _found(interval: Interval, bars: pl.DataFrame) -> Finding:
    """Say who agrees with whom."""
    counts = dict.fromkeys(("agree", *_FAULTS, "uncovered"), 0)
    counts |= dict(bars.group_by("found").len().iter_rows())
    totals = _totals(bars)
    evidence: dict[str, object] = {
        "interval": interval.value,
        "bars": counts,
        "whole_day": counts["agree"] == bars.height == interval.bars_per_day,
        "totals": totals,
        "differ": _examples(bars),
    }
    if not any(counts[fault] for fault in _FAULTS):
        if not totals["aggregates"]["trade_count"]:
            return Finding.not_checked("aggregates and klines have no trade in common")
        return Finding.passes(
            f"trades, aggregates and klines agree in {counts['agree']:,} bars of {interval}, "
            f"{counts['uncovered']:,} uncovered",
            evidence,
        )
    told = [f"{counts[fault]:,} {says}" for fault, says in _TOLD.items() if counts[fault]]
    # Where two agree against aggregates or klines, the trades are not in doubt.
    in_doubt = counts["trades"] or counts["ids"] or counts["none"]
    return Finding.fails(
        f"of {bars.height:,} bars of {interval}: {', '.join(told)}",
        evidence,
        severity=None if in_doubt else Severity.WARN,
    )


_TOLD = {
    "trades": "where the trades are the odd one out",
    "aggregates": "where the aggregates are the odd one out",
    "klines": "where the klines are the odd one out",
    "ids": "where trades and aggregates name other ids",
    "none": "where no two agree",
}


def _totals(bars: pl.DataFrame) -> dict[str, dict[str, object]]:
    """What each says of all bars that are covered."""
    covered = bars.filter(pl.col("found") != "uncovered")
    found: dict[str, dict[str, object]] = {}
    for source in _SOURCES:
        sums = covered.select(_of(source, field).sum().alias(field) for field in _SUMS)
        count, volume, bought = sums.row(0)
        found[source] = {
            "trade_count": count,
            "volume": decimal(volume),
            "taker_buy_volume": decimal(bought),
        }
        if source != "klines":
            first, last = (f"{source}.{name}" for name in _IDS)
            found[source]["ids"] = [covered[first].min(), covered[last].max()]
    return found


def _examples(bars: pl.DataFrame) -> list[dict[str, object]]:
    """The first bars of each fault, with what each of the three says."""
    shown = (
        bars.filter(pl.col("found").is_in(_FAULTS))
        .filter(pl.int_range(pl.len()).over("found") < _SHOWN)
        .with_columns(pl.col("ts_open").cast(pl.Datetime("us", "UTC")).dt.to_string("iso:strict"))
    )
    return [
        {
            "ts_open": row["ts_open"],
            "found": row["found"],
            **{
                source: {
                    field: value if field == "trade_count" or value is None else decimal(value)
                    for field in _SUMS
                    for value in (row[f"{source}.{field}"],)
                }
                for source in _SOURCES
            },
        }
        for row in shown.iter_rows(named=True)
    ]


CHECK = Check(
    code="T19",
    assets=("raw_trades",),
    says="Trades, aggregates and klines say the same of every bar.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
