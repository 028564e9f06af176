"""O3: every bar had ended, by the exchange's own clock, when it was fetched."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.interval import length_of


def _judge(day: Day, measured: Measured) -> Finding:
    if day.ohlcv is None:
        return Finding.cannot_judge("no bars are stored")
    last: dict[str, int] = dict(
        day.ohlcv.group_by("interval")
        .agg(pl.col("ts_open").max().to_physical())
        .sort("interval")
        .collect()
        .iter_rows(),
    )
    unfinished = {
        name: {"last_open_us": at, "finished_until_us": until}
        for name, at in last.items()
        if (until := day.ohlcv_until.get(name)) is None or at + length_of(name) > until
    }
    if unfinished:
        return Finding.fails(
            f"bars of {', '.join(unfinished)} are stored that had not ended",
            {"intervals": unfinished},
        )
    return Finding.passes(f"all {measured['rows']:,} bars had ended")


CHECK = Check(
    code="O3",
    assets=("ohlcv",),
    says="Every bar had ended, by the exchange's own clock, when it was fetched.",
    judge=_judge,
    measures={"rows": pl.len()},
)
