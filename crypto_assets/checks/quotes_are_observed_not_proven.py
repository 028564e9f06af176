"""Q7: quotes are what was seen, never proven to be all there was.

Their update ids jump by nature and the exchange publishes no archive of them, so nothing tells a
lost quote from one that never was, and nothing heals it. This tells how much of the day was
listened to.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import DAY_US, SECOND_US
from crypto_assets.model.verdict import Severity

_SHOWN = 100
_AS_OF = pl.col("ts_as_of").to_physical()


def _judge(day: Day, measured: Measured) -> Finding:
    if day.quotes_summary is None:
        return Finding.cannot_judge("no summary of the quotes is stored")
    start, end = day.partition.start_us, day.partition.end_us
    spans = Coverage.of(
        (max(first, start), min(last, end - 1))
        for first, last in day.quotes_summary.recorded
        if max(first, start) <= min(last, end - 1)
    )
    listened = len(spans)
    return Finding.passes(
        f"{measured['rows']:,} quotes were seen in {listened // SECOND_US:,} of "
        f"{DAY_US // SECOND_US:,} seconds; quotes cannot be proven complete",
        {
            "rows": measured["rows"],
            "listened_us": listened,
            "spans_us": [list(span) for span in spans.ranges[:_SHOWN]],
            "first_us": measured["first"],
            "last_us": measured["last"],
            "longest_silence_us": measured["silence"],
        },
    )


CHECK = Check(
    code="Q7",
    assets=("raw_quotes",),
    says="Quotes are what was seen, never proven to be all there was.",
    judge=_judge,
    severity=Severity.INFO,
    blocks=Blocks.NOTHING,
    measures={
        "rows": pl.len(),
        "first": _AS_OF.min(),
        "last": _AS_OF.max(),
        "silence": _AS_OF.diff().max(),
    },
)
